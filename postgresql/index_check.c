/* index_check.c - adah_index_check: does an index say what its table says?
 *
 * The table takes no changes meanwhile. Every row that a new snapshot sees and that belongs into the index must be there, once, with its code, and every
 * entry must lead to a row or to what is left of one: a place in the table that is free for others would soon be another row. Entries of dead rows that
 * vacuum has not met yet are in order. */
#include "index_method.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef struct entry {
    ItemPointerData row;
    uint8_t code[FLEXIBLE_ARRAY_MEMBER];
} entry;

typedef struct check {
    Relation index;
    uint32 n_bytes;
    Size entry_bytes, n, room;
    char *entries; /* sorted by row */
    int64 n_found;
} check;

static __attribute__((noreturn)) void refuse(const check *c, const ItemPointerData *row, const char *what) {
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED), errmsg("index \"%s\", row (%u,%u): %s", RelationGetRelationName(c->index),
                                                             ItemPointerGetBlockNumberNoCheck(row), ItemPointerGetOffsetNumberNoCheck(row), what)));
}

static entry *entry_of(const check *c, Size i) { return (entry *)(c->entries + i * c->entry_bytes); }

static void read_entries(check *c) {
    const BlockNumber n_blocks = RelationGetNumberOfBlocks(c->index);
    for (BlockNumber block = ADAH_PG_META + 1; block < n_blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const Page page = BufferGetPage(buffer);
        const uint32 n = adah_pg_page_count(c->index, page, block, c->n_bytes);
        if (c->n + n > c->room) {
            c->room = 2 * (c->n + n);
            c->entries = c->entries ? repalloc_huge(c->entries, c->room * c->entry_bytes)
                                    : MemoryContextAllocHuge(CurrentMemoryContext, c->room * c->entry_bytes);
        }
        for (uint32 i = 0; i < n; i++) {
            entry *e = entry_of(c, c->n++);
            e->row = adah_pg_page_rows(page)[-1 - (int)i];
            memcpy(e->code, adah_pg_page_codes(page) + (size_t)i * c->n_bytes, c->n_bytes);
        }
        UnlockReleaseBuffer(buffer);
    }
}

static int compare_rows(const void *a, const void *b) { return ItemPointerCompare((ItemPointer)a, (ItemPointer)b); }

static void check_entries(const check *c, Relation heap) {
    const BlockNumber n_blocks = RelationGetNumberOfBlocks(heap);
    for (Size i = 1; i < c->n; i++)
        if (ItemPointerEquals(&entry_of(c, i - 1)->row, &entry_of(c, i)->row))
            refuse(c, &entry_of(c, i)->row, "there are two entries for it");
    if (heap->rd_rel->relam != HEAP_TABLE_AM_OID)
        return;
    Buffer buffer = InvalidBuffer;
    for (Size i = 0; i < c->n; i++) {
        const ItemPointerData *row = &entry_of(c, i)->row;
        const BlockNumber block = ItemPointerGetBlockNumberNoCheck(row);
        CHECK_FOR_INTERRUPTS();
        if (block >= n_blocks)
            refuse(c, row, "the table has no such block");
        buffer = ReleaseAndReadBuffer(buffer, heap, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const Page page = BufferGetPage(buffer);
        const OffsetNumber place = ItemPointerGetOffsetNumberNoCheck(row);
        if (place < FirstOffsetNumber || place > PageGetMaxOffsetNumber(page) || !ItemIdIsUsed(PageGetItemId(page, place)))
            refuse(c, row, "the table has no row at that place");
        LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
    }
    if (BufferIsValid(buffer))
        ReleaseBuffer(buffer);
}

static void find_row(Relation index, ItemPointer row, Datum *values, bool *isnull, bool is_alive, void *state) {
    check *c = state;
    const entry *e = c->n ? bsearch(row, c->entries, c->n, c->entry_bytes, compare_rows) : NULL;
    if (isnull[0]) {
        if (e)
            refuse(c, row, "it has an entry, but its code is NULL");
        return;
    }
    if (!e)
        refuse(c, row, "it has no entry");
    const code_view code = code_of(values[0]);
    if (code.n_bytes != c->n_bytes || memcmp(code.bytes, e->code, code.n_bytes) != 0)
        refuse(c, row, "its entry has another code");
    code_release(code, values[0]);
    c->n_found++;
}

PG_FUNCTION_INFO_V1(adah_pg_index_check);
Datum adah_pg_index_check(PG_FUNCTION_ARGS) {
    const Oid index_id = PG_GETARG_OID(0);
    const Oid heap_id = IndexGetRelation(index_id, true);
    if (!OidIsValid(heap_id))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("relation %u is not an index", index_id)));
    Relation heap = table_open(heap_id, ShareLock);
    Relation index = index_open(index_id, ShareLock);
    if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_rel->relam != get_index_am_oid("adah", false))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an index of adah", RelationGetRelationName(index))));

    check c = {.index = index, .n_bytes = adah_pg_meta_read(index).n_bytes};
    c.entry_bytes = (offsetof(entry, code) + c.n_bytes + 1) / 2 * 2; /* rows are read as numbers of 2 bytes */
    read_entries(&c);
    if (c.n)
        qsort(c.entries, c.n, c.entry_bytes, compare_rows);
    check_entries(&c, heap);

    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    IndexInfo *info = BuildIndexInfo(index);
    info->ii_Concurrent = true; /* rows that the snapshot sees, instead of all that are not dead to everybody */
    info->ii_Unique = false;
    info->ii_ExclusionOps = NULL;
    TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, true);
    table_index_build_scan(heap, index, info, true, false, find_row, &c, scan);
    UnregisterSnapshot(snapshot);
    index_close(index, ShareLock);
    table_close(heap, ShareLock);
    PG_RETURN_INT64(c.n_found);
}
