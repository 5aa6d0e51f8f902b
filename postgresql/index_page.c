/* index_page.c - pages: made, checked, added to. index_page.h tells what they hold. */
#include "index_page.h"

#include "storage/lmgr.h"

enum { MAGIC = 0x48414441 /* "ADAH" */, VERSION = 1, PAGE_ID = 0xada8 };

static void init_page(Page page) {
    PageInit(page, BLCKSZ, sizeof(index_opaque));
    ((index_opaque *)PageGetSpecialPointer(page))->page_id = PAGE_ID;
}

void adah_pg_meta_init(Page page, uint32 n_bytes) {
    init_page(page);
    *(index_meta *)PageGetContents(page) = (index_meta){MAGIC, VERSION, n_bytes, InvalidBlockNumber};
    ((PageHeader)page)->pd_lower += sizeof(index_meta);
}

index_meta *adah_pg_meta_of(Relation index, Page page) {
    index_meta *meta = (index_meta *)PageGetContents(page);
    if (PageIsNew(page) || meta->magic != MAGIC)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED), errmsg("index \"%s\" has no first page of an adah index", RelationGetRelationName(index)),
                        errhint("Please REINDEX it.")));
    if (meta->version != VERSION)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED), errmsg("index \"%s\" is of version %u, and this extension knows version %d",
                                                                 RelationGetRelationName(index), meta->version, VERSION),
                        errhint("Please REINDEX it.")));
    return meta;
}

index_meta adah_pg_meta_read(Relation index) {
    Buffer buffer = ReadBuffer(index, ADAH_PG_META);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const index_meta meta = *adah_pg_meta_of(index, BufferGetPage(buffer));
    UnlockReleaseBuffer(buffer);
    return meta;
}

void adah_pg_page_init(Page page) { init_page(page); }

uint32 adah_pg_page_count(Relation index, Page page, BlockNumber block, uint32 n_bytes) {
    if (PageIsNew(page))
        return 0;
    const PageHeader head = (PageHeader)page;
    const uint32 codes = head->pd_lower - (uint32)MAXALIGN(SizeOfPageHeaderData), rows = (uint32)head->pd_special - head->pd_upper;
    const uint32 n = n_bytes ? codes / n_bytes : 0;
    if (PageGetSpecialSize(page) != MAXALIGN(sizeof(index_opaque)) || ((index_opaque *)PageGetSpecialPointer(page))->page_id != PAGE_ID ||
        head->pd_lower > head->pd_upper || n * n_bytes != codes || n * sizeof(ItemPointerData) != rows)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("block %u of index \"%s\" is damaged", block, RelationGetRelationName(index)), errhint("Please REINDEX it.")));
    return n;
}

void adah_pg_page_add(Page page, const uint8_t *code, uint32 n_bytes, const ItemPointerData *row) {
    const PageHeader head = (PageHeader)page;
    Assert(adah_pg_page_free(page) >= adah_pg_entry_bytes(n_bytes));
    memcpy((char *)page + head->pd_lower, code, n_bytes);
    head->pd_lower += n_bytes;
    head->pd_upper -= sizeof(ItemPointerData);
    memcpy((char *)page + head->pd_upper, row, sizeof *row);
}

Buffer adah_pg_extend(Relation index, ForkNumber fork) {
#if PG_VERSION_NUM >= 160000
    return ExtendBufferedRel(BMR_REL(index), fork, NULL, EB_LOCK_FIRST);
#else
    LockRelationForExtension(index, ExclusiveLock);
    Buffer buffer = ReadBufferExtended(index, fork, P_NEW, RBM_NORMAL, NULL);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    UnlockRelationForExtension(index, ExclusiveLock);
    return buffer;
#endif
}
