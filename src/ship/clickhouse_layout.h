/* ship/clickhouse_layout.h - logs as rows of ClickHouse's RowBinary, in the order of the columns of sql/ship/clickhouse.sql. */
#ifndef SHIP_CLICKHOUSE_LAYOUT_H
#define SHIP_CLICKHOUSE_LAYOUT_H

#include "base/text.h"
#include "event/event.h"

/* Added to out; scratch is overwritten. Texts go as they are: a String of ClickHouse holds any bytes. */
void click_row(struct text *out, const struct event *e, struct text *scratch);

#endif
