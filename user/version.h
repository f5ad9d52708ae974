/* SPDX-License-Identifier: Apache-2.0 */
/* Version and revision, given by the build: PHILOSCOPE_VERSION and PHILOSCOPE_REVISION. */
#ifndef VERSION_H
#define VERSION_H

#ifndef PHILOSCOPE_VERSION
#define PHILOSCOPE_VERSION "0.0.0"
#endif
#ifndef PHILOSCOPE_REVISION
#define PHILOSCOPE_REVISION "unknown"
#endif

#endif
