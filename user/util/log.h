/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line per message on stderr, with ts, level and msg, as logfmt or as JSON. Only app,
 * main and commands log above debug. */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_MAX };

enum log_format { LOG_LOGFMT, LOG_JSON, LOG_FORMAT_MAX };

/* Messages below level are dropped from now on. Default: info. */
void log_set_level(enum log_level level);
/* Parses `debug`, `info`, `warn`, `error`. 0, or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);
/* How messages are written from now on. Default: logfmt. */
void log_set_format(enum log_format format);
/* Parses `logfmt`, `json`. 0, or -EINVAL. */
int log_format_parse(const char *text, enum log_format *ret_format);
/* Writes one message. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
