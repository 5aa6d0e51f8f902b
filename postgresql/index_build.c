/* index_build.c - a new index: pages are filled one after another outside the buffers and logged together at the end. */
#include "index_method.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "miscadmin.h"

typedef struct build {
    Relation index;
    uint32 n_bytes; /* 0: not known yet */
    double n_codes;
    bool has_page;
    BlockNumber last; /* block that was written */
    PGAlignedBlock page;
} build;

static BlockNumber append(Relation index, Page page) {
    Buffer buffer = adah_pg_extend(index, MAIN_FORKNUM);
    const BlockNumber block = BufferGetBlockNumber(buffer);
    memcpy(BufferGetPage(buffer), page, BLCKSZ);
    MarkBufferDirty(buffer);
    UnlockReleaseBuffer(buffer);
    return block;
}

static void take_row(Relation index, ItemPointer row, Datum *values, bool *isnull, bool is_alive, void *state) {
    build *b = state;
    const Page page = (Page)b->page.data;
    if (isnull[0])
        return;
    const code_view code = code_of(values[0]);
    if (!b->n_bytes)
        b->n_bytes = code.n_bytes;
    adah_pg_check_length(index, code.n_bytes, b->n_bytes);
    if (b->has_page && adah_pg_page_free(page) < adah_pg_entry_bytes(code.n_bytes)) {
        b->last = append(index, page);
        b->has_page = false;
    }
    if (!b->has_page)
        adah_pg_page_init(page);
    b->has_page = true;
    adah_pg_page_add(page, code.bytes, code.n_bytes, row);
    b->n_codes++;
    code_release(code, values[0]);
}

/* The length that the column asks for; 0: none. */
static uint32 bytes_of_column(Relation index) {
    const int32 n_bits = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
    return n_bits > 0 ? (uint32)n_bits / 8 : 0;
}

IndexBuildResult *adah_pg_build(Relation heap, Relation index, IndexInfo *info) {
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
    build *b = palloc0(sizeof *b);
    b->index = index;
    b->n_bytes = bytes_of_column(index);
    b->last = InvalidBlockNumber;
    adah_pg_meta_init((Page)b->page.data, b->n_bytes);
    append(index, (Page)b->page.data);
    const double n_rows = table_index_build_scan(heap, index, info, true, true, take_row, b, NULL);
    if (b->has_page)
        b->last = append(index, (Page)b->page.data);

    Buffer buffer = ReadBuffer(index, ADAH_PG_META);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    index_meta *meta = adah_pg_meta_of(index, BufferGetPage(buffer));
    meta->n_bytes = b->n_bytes;
    meta->insert_block = b->last;
    MarkBufferDirty(buffer);
    UnlockReleaseBuffer(buffer);
    if (RelationNeedsWAL(index))
        log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);

    IndexBuildResult *result = palloc0(sizeof *result);
    result->heap_tuples = n_rows;
    result->index_tuples = b->n_codes;
    pfree(b);
    return result;
}

/* What an unlogged index is after a crash. */
void adah_pg_build_empty(Relation index) {
    Buffer buffer = adah_pg_extend(index, INIT_FORKNUM);
    START_CRIT_SECTION();
    adah_pg_meta_init(BufferGetPage(buffer), bytes_of_column(index));
    MarkBufferDirty(buffer);
    log_newpage_buffer(buffer, true);
    END_CRIT_SECTION();
    UnlockReleaseBuffer(buffer);
}
