/* index_method.h - the functions of the index access method adah, as index_handler.c names them to PostgreSQL. */
#ifndef ADAH_PG_INDEX_METHOD_H
#define ADAH_PG_INDEX_METHOD_H

#include "index_page.h"

#include "access/amapi.h"
#include "nodes/execnodes.h"
#include "nodes/tidbitmap.h"

/* Strategies of an operator class. */
enum { ADAH_PG_DISTANCE = 1 /* <~>, to order by */, ADAH_PG_IN_BALL = 2 /* @~ */ };

IndexBuildResult *adah_pg_build(Relation heap, Relation index, IndexInfo *info);
void adah_pg_build_empty(Relation index);
#if PG_VERSION_NUM >= 140000
bool adah_pg_insert(Relation index, Datum *values, bool *isnull, ItemPointer row, Relation heap, IndexUniqueCheck unique, bool unchanged,
                    IndexInfo *info);
#else
bool adah_pg_insert(Relation index, Datum *values, bool *isnull, ItemPointer row, Relation heap, IndexUniqueCheck unique, IndexInfo *info);
#endif
IndexBulkDeleteResult *adah_pg_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback is_dead, void *state);
IndexBulkDeleteResult *adah_pg_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

IndexScanDesc adah_pg_begin_scan(Relation index, int n_keys, int n_orders);
void adah_pg_rescan(IndexScanDesc scan, ScanKey keys, int n_keys, ScanKey orders, int n_orders);
bool adah_pg_next_row(IndexScanDesc scan, ScanDirection direction);
int64 adah_pg_fill_bitmap(IndexScanDesc scan, TIDBitmap *bitmap);
void adah_pg_end_scan(IndexScanDesc scan);

/* A code that an index is to hold: an error where its length is not that of the others. */
void adah_pg_check_length(Relation index, uint32 n_bytes, uint32 of_index);

#endif
