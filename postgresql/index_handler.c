/* index_handler.c - tells PostgreSQL what the index access method adah can do and costs.
 *
 * A scan reads all pages, whatever is asked, and then knows the nearest rows: so all of the cost of reading comes before the first row. It reads each
 * page in order, and comparing a code takes a small part of what an operator takes. */
#include "index_method.h"

#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_opclass.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/catcache.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
#include "utils/syscache.h"

#define OPERATORS_A_CODE 0.05        /* what comparing a code costs, of an operator's cost */
#define ROWS_A_PASS 65536.           /* rows that one more pass over the pages finds, when many are asked for */

static void estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total, Selectivity *selectivity,
                     double *correlation, double *pages) {
    const IndexOptInfo *index = path->indexinfo;
    GenericCosts costs = {0};
    genericcostestimate(root, path, loop_count, &costs);
    *selectivity = costs.indexSelectivity;
    *correlation = 0;
    *pages = index->pages;
    if (!path->indexclauses && !path->indexorderbys) { /* NULLs are not in the index: it cannot list all rows */
        *startup = *total = get_float8_infinity();
#if PG_VERSION_NUM >= 180000
        path->path.disabled_nodes = 2;
#endif
        return;
    }
    double random_page, next_page;
    get_tablespace_page_costs(index->reltablespace, &random_page, &next_page);
    const double n_compared = list_length(path->indexclauses) + list_length(path->indexorderbys);
    const double pass = random_page + next_page * index->pages + cpu_operator_cost * OPERATORS_A_CODE * n_compared * index->tuples;
    const double n_rows = costs.indexSelectivity * index->tuples;
    *startup = path->indexorderbys ? pass : random_page;
    *total = pass + n_rows * cpu_index_tuple_cost + (path->indexorderbys ? floor(n_rows / ROWS_A_PASS) * pass : 0);
}

static bool validate(Oid class) {
    HeapTuple class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(class));
    if (!HeapTupleIsValid(class_tuple))
        elog(ERROR, "there is no operator class %u", class);
    const Oid family = ((Form_pg_opclass)GETSTRUCT(class_tuple))->opcfamily;
    ReleaseSysCache(class_tuple);
    CatCList *operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
    bool is_valid = true;
    for (int i = 0; i < operators->n_members; i++) {
        const FormData_pg_amop *operator = (Form_pg_amop)GETSTRUCT(&operators->members[i]->tuple);
        const char purpose = operator->amopstrategy == ADAH_PG_DISTANCE ? AMOP_ORDER : AMOP_SEARCH;
        if (operator->amopstrategy > ADAH_PG_IN_BALL || operator->amoppurpose != purpose) {
            ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                           errmsg("operator %u of family %u: an index of adah knows operator 1, a distance to order by, and 2, a ball to search",
                                  operator->amopopr, family)));
            is_valid = false;
        }
    }
    ReleaseCatCacheList(operators);
    return is_valid;
}

static bytea *no_options(Datum options, bool is_checked) {
    (void)options;
    if (is_checked)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("an index of adah has no options")));
    return NULL;
}

PG_FUNCTION_INFO_V1(adah_pg_index_handler);
Datum adah_pg_index_handler(PG_FUNCTION_ARGS) {
    IndexAmRoutine *method = makeNode(IndexAmRoutine); /* all that is not set is 0, false, NULL */
    method->amstrategies = ADAH_PG_IN_BALL;
    method->amcanorderbyop = true;
    method->amoptionalkey = true;
    method->ambuild = adah_pg_build;
    method->ambuildempty = adah_pg_build_empty;
    method->aminsert = adah_pg_insert;
    method->ambulkdelete = adah_pg_bulk_delete;
    method->amvacuumcleanup = adah_pg_vacuum_cleanup;
    method->amcostestimate = estimate;
    method->amoptions = no_options;
    method->amvalidate = validate;
    method->ambeginscan = adah_pg_begin_scan;
    method->amrescan = adah_pg_rescan;
    method->amgettuple = adah_pg_next_row;
    method->amgetbitmap = adah_pg_fill_bitmap;
    method->amendscan = adah_pg_end_scan;
    PG_RETURN_POINTER(method);
}
