/* index_scan.c - rows by ascending distance, as many as are asked for, and no tie left out.
 *
 * How many rows the query will take is not known: a LIMIT counts what its other conditions leave over. So distances are delivered in stretches. A pass
 * over all pages gathers the codes at a distance of at least `first`; when it has many more than it aims at, it drops the farthest distances,
 * whole, and from then on takes only what is not farther than `bound`. In the end it has every code from `first` to `bound`, which go out sorted, and the
 * next pass begins behind them and aims at more. Where even one distance has more codes than a list should hold, it is streamed: page by page.
 *
 * Passes agree with each other, although others write meanwhile: what this scan's snapshot sees was in the index before, is not taken away
 * while the snapshot is there, and neither its distance nor its page changes. */
#include "index_method.h"

#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

enum {
    AIM_FIRST = 256,     /* rows that the first pass aims at */
    AIM_TIMES = 16,      /* times as many with every further one */
    AIM_MAX = 65536,     /* up to that */
    LIST_MAX = 1 << 18,  /* a list never holds more than that and a page */
    STRETCH = 64,        /* codes that are looked at one by one when one of them is near */
    NOWHERE = ADAH_BITS_MAX + 1
};

typedef struct candidate {
    uint16 distance;
    ItemPointerData row;
} candidate;

typedef struct scan_state {
    MemoryContext context; /* of all below, for one set of keys */
    bool is_begun;
    uint32 n_bytes; /* of the index's codes; 0: it has none */
    BufferAccessStrategy strategy;
    const uint8_t *query; /* NULL: in any order, and every distance is 0 */
    int n_balls;
    const code_ball **ball;

    candidate *list;
    uint32 n, room; /* in the list */
    uint32 next;    /* to be delivered */
    int first;      /* the least distance that was not delivered yet; NOWHERE: none */
    uint32 aim;
    bool is_streaming; /* the distance `first`, from page `block` on */
    BlockNumber block, n_blocks;
    uint16_t distance[ADAH_PG_ENTRIES_MAX], to_centre[ADAH_PG_ENTRIES_MAX];
} scan_state;

/* ---------------------------------------------------------------- a page */

static void make_room(scan_state *s, uint32 n) {
    if (s->room >= n)
        return;
    s->room = Max(n, Min(2 * s->room, (uint32)LIST_MAX + ADAH_PG_ENTRIES_MAX));
    s->list = s->list ? repalloc(s->list, s->room * sizeof *s->list) : MemoryContextAlloc(s->context, s->room * sizeof *s->list);
}

static bool is_in_balls(const scan_state *s, const uint8_t *code) {
    for (int i = 0; i < s->n_balls; i++) {
        uint16_t distance;
        adah_pg_distances(s->ball[i]->centre, code, 1, s->n_bytes, &distance);
        if (distance > s->ball[i]->radius)
            return false;
    }
    return true;
}

/* Is one of some distances at most bound? Without a branch for each, so that compilers take many at a time: few codes are near. */
static bool has_near(const uint16_t *distance, uint32 n, int bound) {
    uint16_t below = 0; /* its highest bit: a distance below bound + 1 */
    for (uint32 i = 0; i < n; i++)
        below |= (uint16_t)(distance[i] - (bound + 1));
    return below >> 15;
}

/* Appends the codes of a page whose distance is from `first` to bound. Without a query the first ball is what is compared with all, else the query is. */
static void take_page(scan_state *s, Relation index, BlockNumber block, int first, int bound) {
    CHECK_FOR_INTERRUPTS();
    make_room(s, s->n + ADAH_PG_ENTRIES_MAX);
    Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, s->strategy);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const Page page = BufferGetPage(buffer);
    const uint32 n = adah_pg_page_count(index, page, block, s->n_bytes);
    const uint8_t *codes = adah_pg_page_codes(page);
    const ItemPointerData *rows = adah_pg_page_rows(page);
    const bool is_by_ball = !s->query && s->n_balls;
    if (is_by_ball) {
        first = 0;
        bound = Min(s->ball[0]->radius, ADAH_BITS_MAX);
    }
    if (s->query || is_by_ball)
        adah_pg_distances(s->query ? s->query : s->ball[0]->centre, codes, n, s->n_bytes, s->distance);
    else
        memset(s->distance, 0, n * sizeof *s->distance);
    for (uint32 start = 0; start < n; start += STRETCH) {
        const uint32 end = Min(start + STRETCH, n);
        if (!has_near(s->distance + start, end - start, bound))
            continue;
        for (uint32 i = start; i < end; i++)
            if (s->distance[i] <= bound && s->distance[i] >= first && is_in_balls(s, codes + (size_t)i * s->n_bytes))
                s->list[s->n++] = (candidate){is_by_ball ? 0 : s->distance[i], rows[-1 - (int)i]};
    }
    UnlockReleaseBuffer(buffer);
}

/* ---------------------------------------------------------------- a pass */

/* Drops the farthest distances of the list, whole, and returns the bound that is left: so far that at least `aim` codes stay or, when the
 * list is full, that it is at most half full, which may leave nothing. */
static int drop_farthest(scan_state *s, int bound) {
    uint32 count[ADAH_BITS_MAX + 1] = {0};
    for (uint32 i = 0; i < s->n; i++)
        count[s->list[i].distance]++;
    const bool is_full = s->n >= LIST_MAX;
    uint32 n = 0;
    int keep = s->first - 1;
    while (keep < bound && (is_full ? n + count[keep + 1] <= LIST_MAX / 2 : n < s->aim))
        n += count[++keep];
    n = 0;
    for (uint32 i = 0; i < s->n; i++)
        if (s->list[i].distance <= keep)
            s->list[n++] = s->list[i];
    s->n = n;
    return keep;
}

static int compare_candidates(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return ItemPointerCompare((ItemPointer)&x->row, (ItemPointer)&y->row);
}

static void gather(scan_state *s, Relation index) {
    int bound = (int)s->n_bytes * 8;
    uint32 limit = 2 * s->aim;
    s->n = s->next = 0;
    s->n_blocks = RelationGetNumberOfBlocks(index);
    for (BlockNumber block = ADAH_PG_META + 1; block < s->n_blocks && bound >= s->first; block++) {
        take_page(s, index, block, s->first, bound);
        if (s->n > limit) {
            bound = drop_farthest(s, bound);
            limit = Min(Max(2 * s->aim, 2 * s->n), (uint32)LIST_MAX);
        }
    }
    s->aim = Min(s->aim * AIM_TIMES, (uint32)AIM_MAX);
    if (bound < s->first) { /* that distance alone is too much for a list */
        s->is_streaming = true;
        s->block = ADAH_PG_META + 1;
        return;
    }
    qsort(s->list, s->n, sizeof *s->list, compare_candidates);
    s->first = bound < (int)s->n_bytes * 8 ? bound + 1 : NOWHERE;
}

/* The next page of the distance that is streamed; behind the last one that distance is done. */
static void stream(scan_state *s, Relation index) {
    s->n = s->next = 0;
    if (s->block < s->n_blocks) {
        take_page(s, index, s->block++, s->first, s->first);
        return;
    }
    s->is_streaming = false;
    s->first = s->query && s->first < (int)s->n_bytes * 8 ? s->first + 1 : NOWHERE;
}

/* ---------------------------------------------------------------- keys */

/* The condition cannot hold. */
static void end_at_once(scan_state *s) { s->first = NOWHERE; }

static void take_balls(scan_state *s, IndexScanDesc scan) {
    s->ball = palloc((Size)Max(scan->numberOfKeys, 1) * sizeof *s->ball);
    for (int i = 0; i < scan->numberOfKeys; i++) {
        if (scan->keyData[i].sk_flags & SK_ISNULL) { /* no code is within a radius that is not known */
            end_at_once(s);
            return;
        }
        const code_ball *ball = code_ball_of(scan->keyData[i].sk_argument);
        if (s->n_bytes && code_ball_bytes(ball) != s->n_bytes)
            adah_pg_refuse_lengths(s->n_bytes, code_ball_bytes(ball));
        s->ball[s->n_balls++] = ball;
    }
}

/* By the first distance that is known; when there are several, the executor sorts by the others. All are NULL: any order is right. */
static void take_query(scan_state *s, IndexScanDesc scan) {
    if (scan->numberOfOrderBys == 0 || (scan->orderByData[0].sk_flags & SK_ISNULL))
        return;
    const code_view query = code_of(scan->orderByData[0].sk_argument);
    if (s->n_bytes && query.n_bytes != s->n_bytes)
        adah_pg_refuse_lengths(s->n_bytes, query.n_bytes);
    s->query = query.bytes;
}

static void begin(IndexScanDesc scan) {
    scan_state *s = scan->opaque;
    if (scan->numberOfKeys == 0 && scan->numberOfOrderBys == 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" cannot list all rows: it does not hold those whose code is NULL",
                               RelationGetRelationName(scan->indexRelation))));
    const MemoryContext before = MemoryContextSwitchTo(s->context);
    s->n_bytes = adah_pg_meta_read(scan->indexRelation).n_bytes;
    s->n_blocks = RelationGetNumberOfBlocks(scan->indexRelation);
    s->strategy = s->n_blocks > (BlockNumber)NBuffers / 4 ? GetAccessStrategy(BAS_BULKREAD) : NULL;
    s->query = NULL;
    s->n_balls = 0;
    s->list = NULL;
    s->n = s->next = s->room = 0;
    s->first = s->n_bytes ? 0 : NOWHERE;
    s->aim = AIM_FIRST;
    take_balls(s, scan);
    take_query(s, scan);
    s->is_streaming = !s->query;
    s->block = ADAH_PG_META + 1;
    if (s->first == NOWHERE)
        s->is_streaming = false;
    s->is_begun = true;
    pgstat_count_index_scan(scan->indexRelation);
    MemoryContextSwitchTo(before);
}

/* ---------------------------------------------------------------- the method */

IndexScanDesc adah_pg_begin_scan(Relation index, int n_keys, int n_orders) {
    IndexScanDesc scan = RelationGetIndexScan(index, n_keys, n_orders);
    scan_state *s = palloc0(sizeof *s);
    s->context = AllocSetContextCreate(CurrentMemoryContext, "adah scan", ALLOCSET_DEFAULT_SIZES);
    scan->opaque = s;
    if (n_orders > 0) {
        scan->xs_orderbyvals = palloc0((Size)n_orders * sizeof(Datum));
        scan->xs_orderbynulls = palloc0((Size)n_orders * sizeof(bool));
    }
    return scan;
}

void adah_pg_rescan(IndexScanDesc scan, ScanKey keys, int n_keys, ScanKey orders, int n_orders) {
    scan_state *s = scan->opaque;
    s->is_begun = false;
    MemoryContextReset(s->context);
    if (keys && scan->numberOfKeys > 0)
        memmove(scan->keyData, keys, (Size)scan->numberOfKeys * sizeof *keys);
    if (orders && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orders, (Size)scan->numberOfOrderBys * sizeof *orders);
}

/* Of several distances only the first is known here: the row's others are at least 0, and the executor looks at them again. */
static void tell_distances(IndexScanDesc scan, uint16 distance) {
    scan->xs_recheckorderby = scan->numberOfOrderBys > 1;
    for (int i = 0; i < scan->numberOfOrderBys; i++) {
        scan->xs_orderbyvals[i] = Int32GetDatum(i == 0 ? distance : 0);
        scan->xs_orderbynulls[i] = (scan->orderByData[i].sk_flags & SK_ISNULL) != 0;
    }
}

bool adah_pg_next_row(IndexScanDesc scan, ScanDirection direction) {
    scan_state *s = scan->opaque;
    Assert(ScanDirectionIsForward(direction));
    if (!s->is_begun)
        begin(scan);
    while (s->next == s->n) {
        if (s->is_streaming)
            stream(s, scan->indexRelation);
        else if (s->first != NOWHERE)
            gather(s, scan->indexRelation);
        else
            return false;
    }
    const candidate *c = &s->list[s->next++];
    scan->xs_heaptid = c->row;
    scan->xs_recheck = false;
    tell_distances(scan, c->distance);
    return true;
}

int64 adah_pg_fill_bitmap(IndexScanDesc scan, TIDBitmap *bitmap) {
    scan_state *s = scan->opaque;
    int64 n_rows = 0;
    begin(scan);
    while (s->is_streaming) {
        stream(s, scan->indexRelation);
        for (uint32 i = 0; i < s->n; i++)
            tbm_add_tuples(bitmap, &s->list[i].row, 1, false);
        n_rows += s->n;
    }
    return n_rows;
}

void adah_pg_end_scan(IndexScanDesc scan) {
    scan_state *s = scan->opaque;
    MemoryContextDelete(s->context);
    pfree(s);
}
