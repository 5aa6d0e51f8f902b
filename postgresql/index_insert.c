/* index_insert.c - one more code: into the page that took the last one, else into one that vacuum left room in, else into a new one. */
#include "index_method.h"

#include "access/generic_xlog.h"
#include "storage/freespace.h"

void adah_pg_check_length(Relation index, uint32 n_bytes, uint32 of_index) {
    if (n_bytes != of_index)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("index \"%s\" holds codes of %u bits, and this one has %u",
                                                                RelationGetRelationName(index), of_index * 8, n_bytes * 8)));
}

/* Writes what it is given into the first page; n_bytes only where there is none yet. Returns the length that holds. */
static uint32 change_meta(Relation index, uint32 n_bytes, BlockNumber insert_block) {
    Buffer buffer = ReadBuffer(index, ADAH_PG_META);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *log = GenericXLogStart(index);
    index_meta *meta = adah_pg_meta_of(index, GenericXLogRegisterBuffer(log, buffer, 0));
    if (!meta->n_bytes)
        meta->n_bytes = n_bytes;
    meta->insert_block = insert_block;
    const uint32 holds = meta->n_bytes;
    GenericXLogFinish(log);
    UnlockReleaseBuffer(buffer);
    return holds;
}

/* Into a page that is locked exclusively. 0: there is no room. */
static bool add_to(Relation index, Buffer buffer, const code_view *code, ItemPointer row) {
    const Page before = BufferGetPage(buffer);
    const bool is_new = PageIsNew(before);
    adah_pg_page_count(index, before, BufferGetBlockNumber(buffer), code->n_bytes);
    if (adah_pg_page_free(before) < adah_pg_entry_bytes(code->n_bytes))
        return false;
    GenericXLogState *log = GenericXLogStart(index);
    const Page page = GenericXLogRegisterBuffer(log, buffer, is_new ? GENERIC_XLOG_FULL_IMAGE : 0);
    if (is_new)
        adah_pg_page_init(page);
    adah_pg_page_add(page, code->bytes, code->n_bytes, row);
    GenericXLogFinish(log);
    return true;
}

/* n_free: what the page has room for, when the code does not fit. */
static bool add_to_block(Relation index, BlockNumber block, const code_view *code, ItemPointer row, Size *n_free) {
    Buffer buffer = ReadBuffer(index, block);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    const bool is_added = add_to(index, buffer, code, row);
    *n_free = adah_pg_page_free(BufferGetPage(buffer));
    UnlockReleaseBuffer(buffer);
    return is_added;
}

/* The map of free space is not logged: after a crash it may tell of pages that are full, or not there. */
static BlockNumber add_to_free_block(Relation index, const code_view *code, ItemPointer row) {
    const Size wanted = adah_pg_entry_bytes(code->n_bytes);
    BlockNumber block = GetPageWithFreeSpace(index, wanted);
    while (block != InvalidBlockNumber) {
        Size n_free = 0;
        if (block != ADAH_PG_META && block < RelationGetNumberOfBlocks(index) && add_to_block(index, block, code, row, &n_free))
            break;
        block = RecordAndGetPageWithFreeSpace(index, block, n_free, wanted);
    }
    return block;
}

static void insert(Relation index, const code_view *code, ItemPointer row) {
    index_meta meta = adah_pg_meta_read(index);
    if (!meta.n_bytes)
        meta.n_bytes = change_meta(index, code->n_bytes, meta.insert_block);
    adah_pg_check_length(index, code->n_bytes, meta.n_bytes);
    Size n_free;
    if (meta.insert_block != InvalidBlockNumber && add_to_block(index, meta.insert_block, code, row, &n_free))
        return;
    BlockNumber block = add_to_free_block(index, code, row);
    if (block == InvalidBlockNumber) {
        Buffer buffer = adah_pg_extend(index, MAIN_FORKNUM);
        block = BufferGetBlockNumber(buffer);
        add_to(index, buffer, code, row);
        UnlockReleaseBuffer(buffer);
    }
    change_meta(index, meta.n_bytes, block);
}

#if PG_VERSION_NUM >= 140000
bool adah_pg_insert(Relation index, Datum *values, bool *isnull, ItemPointer row, Relation heap, IndexUniqueCheck unique, bool unchanged,
                    IndexInfo *info) {
#else
bool adah_pg_insert(Relation index, Datum *values, bool *isnull, ItemPointer row, Relation heap, IndexUniqueCheck unique, IndexInfo *info) {
#endif
    if (isnull[0])
        return false;
    const code_view code = code_of(values[0]);
    insert(index, &code, row);
    code_release(code, values[0]);
    return false;
}
