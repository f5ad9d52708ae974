// SPDX-License-Identifier: Apache-2.0
#include "top.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "board/json.h"
#include "board/terminal.h"
#include "http/ask.h"
#include "util/cleanup.h"
#include "util/monotonic.h"

#define STATE_PATH "/api/v1/state"
#define TIMEOUT_MS 5000
#define PERIOD_MS  2000
#define RATE_MS    1200 /* so long after the first look, rates are known */
#define NS_PER_MS  1000000

/* Another screen, without a cursor, and back. */
#define ENTER      "\033[?1049h\033[?25l"
#define LEAVE      "\033[?25h\033[?1049l"

static const char *explain(int error)
{
	switch (error) {
	case -EACCES:
		return "it wants a password, which top can't give; let it listen on a unix: "
		       "socket, "
		       "too";
	case -EPROTO:
		return "what answers there is no philoscope of this version, or it speaks TLS";
	case -EBADMSG:
		return "the answer is damaged";
	case -EBUSY:
		return "it is too busy to answer";
	default:
		return strerror(-error);
	}
}

static int ask(const struct address *address, struct board **ret_board)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	int r = http_ask(address, STATE_PATH, TIMEOUT_MS, &text);

	return r < 0 ? r : board_read_json(text.data ? text.data : "", text.len, ret_board);
}

/* What standard output can show. */
static struct terminal describe(unsigned int *ret_height)
{
	struct winsize size = {.ws_col = 0};
	bool is_terminal = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

	setlocale(LC_CTYPE, "");
	*ret_height = size.ws_row;
	return (struct terminal){
	    .width = size.ws_col,
	    .color = is_terminal && !getenv("NO_COLOR"),
	    .plain = is_terminal && strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
	};
}

/* Widths of characters are those of UTF-8, whatever the terminal's are. */
static int draw(const struct board *board, const struct terminal *terminal, struct strbuf *out)
{
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	return board_write_terminal(board, terminal, out);
}

static int write_all(const struct strbuf *text)
{
	size_t written = fwrite(text->data, 1, text->len, stdout);

	return written != text->len || fflush(stdout) ? -EIO : 0;
}

static int complain(const char *name, int error)
{
	fprintf(stderr, "philoscope: cannot read from %s: %s\n", name, explain(error));
	return error;
}

/* Whether something moves of which it is not known yet how fast. */
static bool lacks_rates(const struct board *board)
{
	for (size_t i = 0; i < board->sections[BOARD_PIPELINES].n; i++) {
		const struct board_pipeline *pipeline = board_row(board, BOARD_PIPELINES, i);

		if (isnan(pipeline->events_per_second))
			return true;
	}
	return false;
}

int top_once(const struct address *address, const char *name)
{
	_cleanup_(board_free_p) struct board *board = NULL;
	_cleanup_strbuf_ struct strbuf out = {0};
	unsigned int height;
	struct terminal terminal = describe(&height);
	int r = ask(address, &board);

	if (r < 0)
		return complain(name, r);
	if (lacks_rates(board)) {
		board_free(TAKE_PTR(board));
		poll(NULL, 0, RATE_MS);
		r = ask(address, &board);
	}
	if (r == 0)
		r = draw(board, &terminal, &out);
	return r < 0 ? complain(name, r) : write_all(&out);
}

/* ---- again and again ---- */

struct top {
	const struct address *address;
	const char *name;
	struct board *board; /* owned; the last that was read, NULL = none yet */
	int error;           /* of reading another */
	size_t scrolled;     /* lines */
	bool done;
};

static void refresh(struct top *top)
{
	struct board *board = NULL;

	top->error = ask(top->address, &board);
	if (top->error < 0)
		return;
	board_free(top->board);
	top->board = board;
}

/* The line at the bottom. */
static void write_foot(const struct top *top, const struct terminal *terminal, struct strbuf *out)
{
	_cleanup_free_ char *text = NULL;
	int len;

	if (top->error < 0)
		len = asprintf(&text, "%s: %s; trying again", top->name, explain(top->error));
	else
		len = asprintf(&text, "q quits, j and k scroll; every %d s from %s",
			       PERIOD_MS / 1000, top->name);
	if (len < 0)
		return;
	if (terminal->width && (unsigned int)len > terminal->width)
		text[terminal->width] = '\0';
	strbuf_addf(out, "%s%s\033[K%s\033[J", terminal->color ? "\033[7m" : "", text,
		    terminal->color ? "\033[0m" : "");
}

/* The text from a line on, at most so many lines: each is cleared behind its end. */
static void write_lines(const char *text, size_t from, size_t n, struct strbuf *out)
{
	for (size_t line = 0; *text && line < from + n; line++) {
		size_t len = strcspn(text, "\n");

		if (line >= from) {
			strbuf_add(out, text, len);
			strbuf_addstr(out, "\033[K\n");
		}
		text += len + (text[len] == '\n');
	}
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static int show(struct top *top)
{
	_cleanup_strbuf_ struct strbuf text = {0}, out = {0};
	unsigned int height;
	struct terminal terminal = describe(&height);
	size_t lines, room = height > 1 ? height - 1 : 1;
	int r = top->board ? draw(top->board, &terminal, &text) : 0;

	if (r < 0)
		return r;
	lines = count_lines(text.len ? text.data : "");
	if (lines < room)
		top->scrolled = 0;
	else if (top->scrolled > lines - room)
		top->scrolled = lines - room;
	strbuf_addstr(&out, "\033[H");
	write_lines(text.len ? text.data : "", top->scrolled, room, &out);
	write_foot(top, &terminal, &out);
	return out.error ? out.error : write_all(&out);
}

/* Keys as terminals send them; the arrows end in A and B. */
static void on_keys(struct top *top)
{
	char keys[32];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	/* The terminal is gone. */
	top->done |= n <= 0;
	for (ssize_t i = 0; i < n; i++) {
		bool arrow = i >= 2 && keys[i - 1] == '[' && keys[i - 2] == '\033';

		if (keys[i] == 'q' || keys[i] == 'Q')
			top->done = true;
		else if (keys[i] == 'j' || keys[i] == ' ' || (arrow && keys[i] == 'B'))
			top->scrolled += keys[i] == ' ' ? 10 : 1;
		else if ((keys[i] == 'k' || (arrow && keys[i] == 'A')) && top->scrolled)
			top->scrolled--;
	}
}

static void on_signal(struct top *top, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGWINCH)
		top->done = true;
}

/* Until it is time for another board, or something has happened. */
static int wait_for(struct top *top, int signal_fd, uint64_t due_ns)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
			       {.fd = signal_fd, .events = POLLIN}};
	uint64_t now_ns = monotonic_ns();
	int ms = due_ns > now_ns ? (int)((due_ns - now_ns) / NS_PER_MS) + 1 : 0;

	if (poll(fds, ARRAY_LEN(fds), ms) < 0 && errno != EINTR)
		return -errno;
	if (fds[0].revents)
		on_keys(top);
	if (fds[1].revents)
		on_signal(top, signal_fd);
	return 0;
}

static int follow(struct top *top, int signal_fd)
{
	uint64_t due_ns = 0;
	int r = 0;

	while (r == 0 && !top->done) {
		if (monotonic_ns() >= due_ns) {
			refresh(top);
			due_ns = monotonic_ns() + PERIOD_MS * (uint64_t)NS_PER_MS;
		}
		r = show(top);
		if (r == 0)
			r = wait_for(top, signal_fd, due_ns);
	}
	return r;
}

static int open_signals(int *ret_fd)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
	sigset_t signals;

	sigemptyset(&signals);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		sigaddset(&signals, numbers[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	*ret_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

int top_follow(const struct address *address, const char *name)
{
	struct top top = {.address = address, .name = name};
	_cleanup_close_ int signal_fd = -1;
	struct termios before, raw;
	int r;

	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) {
		fputs("philoscope: this is no terminal: philoscope top --once\n", stderr);
		return -ENOTTY;
	}
	r = open_signals(&signal_fd);
	if (r < 0)
		return complain(name, r);
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(ENTER, stdout);
	r = follow(&top, signal_fd);
	fputs(LEAVE, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	board_free(top.board);
	return r < 0 ? complain(name, r) : 0;
}
