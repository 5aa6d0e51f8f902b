/* index_page.h - what the pages of an index hold.
 *
 * Block 0 tells the length of all codes and where the last one went. Every other page holds codes, one after another from its
 * beginning, and the row of each (a heap TID) from its end backwards: pd_lower and pd_upper are the ends of both, so how many there are follows from
 * pd_lower, and what lies between is free. An entry stays in its page until vacuum takes it away; then the page's last entry takes its place.
 * So every scan of all pages, each read under its lock, meets each entry once. Pages are never given back. */
#ifndef ADAH_PG_INDEX_PAGE_H
#define ADAH_PG_INDEX_PAGE_H

#include "code.h"

#include "access/genam.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

enum {
    ADAH_PG_META = 0,                                                          /* its block */
    ADAH_PG_ENTRIES_MAX = (BLCKSZ - 24) / (1 + (int)sizeof(ItemPointerData)) /* of a page, of codes of one byte */
};

typedef struct index_meta {
    uint32 magic, version;
    uint32 n_bytes;           /* of each code; 0: no code has come yet and the column does not say */
    BlockNumber insert_block; /* where the last code went; InvalidBlockNumber: none. A hint. */
} index_meta;

typedef struct index_opaque {
    uint16 flags; /* zero */
    uint16 page_id;
    uint32 unused; /* zero */
} index_opaque;

void adah_pg_meta_init(Page page, uint32 n_bytes);
index_meta adah_pg_meta_read(Relation index);           /* an error where the index is none of ours */
index_meta *adah_pg_meta_of(Relation index, Page page); /* of a page under a lock */

void adah_pg_page_init(Page page);
/* How many entries a page under a lock has; a page that was never written has none. An error where the page is damaged. */
uint32 adah_pg_page_count(Relation index, Page page, BlockNumber block, uint32 n_bytes);

static inline uint8_t *adah_pg_page_codes(Page page) { return (uint8_t *)PageGetContents(page); }
/* The row of entry i is rows[-1 - i]. */
static inline ItemPointerData *adah_pg_page_rows(Page page) { return (ItemPointerData *)((char *)page + ((PageHeader)page)->pd_special); }
static inline Size adah_pg_entry_bytes(uint32 n_bytes) { return n_bytes + sizeof(ItemPointerData); }
static inline Size adah_pg_page_free(Page page) {
    return PageIsNew(page) ? BLCKSZ / 2 : (Size)(((PageHeader)page)->pd_upper - ((PageHeader)page)->pd_lower);
}
/* There is room for it. */
void adah_pg_page_add(Page page, const uint8_t *code, uint32 n_bytes, const ItemPointerData *row);

/* A new last page, locked exclusively. */
Buffer adah_pg_extend(Relation index, ForkNumber fork);

#endif
