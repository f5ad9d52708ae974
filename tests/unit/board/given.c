// SPDX-License-Identifier: Apache-2.0
#include "board/given.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "board/json.h"

#define TREND "[null,null,1,2,3,2.5,null,4]"

static const char full[] =
    "{\"version\":1,\"time\":1700000000.5,\"pipelines\":["
    "{\"service\":\"worker\",\"namespace\":\"shop\",\"pod\":\"ingest-0\",\"container\":\"worker\","
    "\"source\":\"postgres-shop\",\"state\":\"running\",\"events\":12345,\"events_per_second\":900."
    "4,"
    "\"lag_seconds\":0.035,\"depth\":1204,\"freshness_seconds\":1.25,\"errors\":0,\"retries\":2,"
    "\"retries_recent\":0,\"dead_letters\":0,\"events_trend\":" TREND ",\"lag_trend\":" TREND
    ",\"depth_trend\":" TREND "},"
    "{\"service\":\"worker\",\"pid\":4242,\"source\":\"" GIVEN_NASTY_JSON "\",\"state\":\"paused\","
    "\"errors\":7,\"errors_recent\":3}],"
    "\"commits\":[{\"service\":\"worker\",\"source\":\"postgres-shop\",\"commits\":10,"
    "\"commits_per_second\":6.5,\"ensure_table_seconds\":0.002,\"parquet_seconds\":0.03,"
    "\"upload_seconds\":0.09,\"commit_seconds\":0.025,\"failures\":0,\"commits_trend\":" TREND "}],"
    "\"endpoints\":[{\"service\":\"api\",\"method\":\"GET\",\"endpoint\":\"/api/v1/sources/:id\","
    "\"requests\":100,\"requests_per_second\":12.5,\"p50_seconds\":0.004,\"p95_seconds\":0.021,"
    "\"p99_seconds\":0.3,\"server_errors\":0,\"requests_trend\":" TREND "}],"
    "\"targets\":[{\"service\":\"worker\",\"pid\":4242,\"state\":\"partial\",\"reason\":\"not_"
    "needed\","
    "\"explanation\":\"another site, which is attached, tells more\",\"binary\":\"0123456789ab\","
    "\"go_version\":\"go1.25.5\",\"metrics\":26,\"metrics_known\":27}],"
    "\"audit\":[{\"service\":\"worker\",\"source\":\"postgres-shop\",\"counter\":\"events\","
    "\"drift\":0,\"age_seconds\":0.4}],"
    "\"drops\":[{\"reason\":\"series_map_full\",\"drops\":3,\"explanation\":\"why\"},"
    "{\"reason\":\"other\",\"drops\":0}],"
    "\"probes\":[{\"service\":\"worker\",\"binary\":\"0123456789ab\",\"family\":\"cdc\","
    "\"metric\":\"philotes_cdc_events_total\",\"state\":\"attached\"},"
    "{\"service\":\"worker\",\"binary\":\"0123456789ab\",\"family\":\"cdc\","
    "\"metric\":\"philotes_cdc_errors_total\",\"state\":\"skipped\",\"reason\":\"call_absent\","
    "\"explanation\":\"the expected call is not in the function\"}],"
    "\"observer\":{\"version\":\"0.1.0\",\"revision\":\"abc\",\"uptime_seconds\":61,"
    "\"cpu_seconds\":0.25,\"resident_bytes\":12582912,\"open_fds\":31}}";

struct board *given_board_of(const char *json)
{
	struct board *board = NULL;

	assert_int_equal(board_read_json(json, strlen(json), &board), 0);
	return board;
}

struct board *given_board(void)
{
	return given_board_of(full);
}
