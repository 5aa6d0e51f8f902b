/* index_vacuum.c - takes away the entries of dead rows and tells the map of free space where there is room now.
 *
 * A scan holds no pin between pages. It needs none: rows are looked up by snapshots that do not see a row which took the place of a dead one later. */
#include "index_method.h"

#include "access/generic_xlog.h"
#include "commands/vacuum.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"

static void pause_when_asked(void) {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

/* The page's last entry takes the place of entry i. */
static void take_away(Page page, uint32 i, uint32 last, uint32 n_bytes) {
    const PageHeader head = (PageHeader)page;
    uint8_t *codes = adah_pg_page_codes(page);
    ItemPointerData *rows = adah_pg_page_rows(page);
    memmove(codes + (size_t)i * n_bytes, codes + (size_t)last * n_bytes, n_bytes);
    rows[-1 - (int)i] = rows[-1 - (int)last];
    head->pd_lower -= n_bytes;
    head->pd_upper += sizeof(ItemPointerData);
}

/* From the last entry to the first, so that what takes a place was looked at before. Returns how many are left. */
static uint32 clean(Relation index, Buffer buffer, uint32 n, uint32 n_bytes, IndexBulkDeleteCallback is_dead, void *state) {
    GenericXLogState *log = NULL;
    Page page = BufferGetPage(buffer);
    for (uint32 i = n; i-- > 0;)
        if (is_dead(&adah_pg_page_rows(page)[-1 - (int)i], state)) {
            if (!log) {
                log = GenericXLogStart(index);
                page = GenericXLogRegisterBuffer(log, buffer, 0);
            }
            take_away(page, i, --n, n_bytes);
        }
    if (log)
        GenericXLogFinish(log);
    return n;
}

/* is_dead NULL: counts alone. */
static IndexBulkDeleteResult *pass(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback is_dead, void *state) {
    const Relation index = info->index;
    const BlockNumber n_blocks = RelationGetNumberOfBlocks(index); /* before the length, which the first insert notes before it adds a page */
    const uint32 n_bytes = adah_pg_meta_read(index).n_bytes;
    if (!stats)
        stats = palloc0(sizeof *stats);
    stats->num_pages = n_blocks;
    stats->num_index_tuples = 0;
    stats->estimated_count = false;
    for (BlockNumber block = ADAH_PG_META + 1; block < n_blocks; block++) {
        pause_when_asked();
        Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, info->strategy);
        LockBuffer(buffer, is_dead ? BUFFER_LOCK_EXCLUSIVE : BUFFER_LOCK_SHARE);
        const uint32 before = adah_pg_page_count(index, BufferGetPage(buffer), block, n_bytes);
        const uint32 n = is_dead ? clean(index, buffer, before, n_bytes, is_dead, state) : before;
        const Size n_free = adah_pg_page_free(BufferGetPage(buffer));
        UnlockReleaseBuffer(buffer);
        stats->tuples_removed += before - n;
        stats->num_index_tuples += n;
        RecordPageWithFreeSpace(index, block, n_free);
    }
    return stats;
}

IndexBulkDeleteResult *adah_pg_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback is_dead, void *state) {
    return pass(info, stats, is_dead, state);
}

IndexBulkDeleteResult *adah_pg_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only)
        return stats;
    if (!stats) /* nothing was dead */
        stats = pass(info, NULL, NULL, NULL);
    IndexFreeSpaceMapVacuum(info->index);
    return stats;
}
