/* published_sets.h - small data sets in the layouts of the field, quirks included, for tests of the readers.
 * Include it behind data_folder.h. */
#ifndef ADAH_TESTS_PUBLISHED_SETS_H
#define ADAH_TESTS_PUBLISHED_SETS_H

#include <adah/adah.h>
#include <matio.h>

/* Six pictures; 1, 4 and 6 have a class and a common tag. Lines end in CR LF, in LF, or not; one tag is Latin-1; the
 * annotations lie beside the folder, with narrower classes and a read-me. */
static inline void put_mirflickr(const char *parent) {
    static const char *const tags[6] = {"sky\r\nblue\r\n", "rare\n", "", "sea\nsky", "blue\n", "caf\xe9\n"};
    data_folder_put(parent, "mirflickr/doc/common_tags.txt", "sky 845\r\nblue 20\r\nsea 31\ncaf\xe9 25\nrare 19\n");
    for (int i = 0; i < 6; i++) {
        char name[64];
        snprintf(name, sizeof name, "mirflickr/meta/tags/tags%d.txt", i + 1);
        data_folder_put(parent, name, tags[i]);
    }
    data_folder_put(parent, "mirflickr/im1.jpg", "");
    data_folder_put(parent, "mirflickr/im4.jpg", "");
    data_folder_put(parent, "mirflickr25k_annotations_v080/animals.txt", "1\r\n4\r\n");
    data_folder_put(parent, "mirflickr25k_annotations_v080/sky.txt", "1\n2\n3\n6");
    data_folder_put(parent, "mirflickr25k_annotations_v080/sky_r1.txt", "5\n");
    data_folder_put(parent, "mirflickr25k_annotations_v080/README.txt", "not a class\n");
}

/* Five pictures, four concepts, three words. Of two concepts chosen, animal (3 pictures) and beach (2; zebra has as
 * many but comes later), 1, 2, 3 and 5 have one; 3 has no word. */
static inline void put_nus_wide(const char *root) {
    data_folder_put(root, "ImageList/Imagelist.txt",
                    "actor\\0001_11.jpg\r\nactor\\0002_12.jpg\r\nC:\\ImageData\\Flickr\\beach\\0001_13.jpg\r\n"
                    "zebra\\0001_14.jpg\r\nzebra\\0002_15.jpg\r\n");
    data_folder_put(root, "ConceptsList/Concepts81.txt", "airport\nanimal\nbeach\nzebra\n");
    data_folder_put(root, "Groundtruth/AllLabels/Labels_airport.txt", "1\n0\n0\n0\n0\n");
    data_folder_put(root, "Groundtruth/AllLabels/Labels_animal.txt", "1\r\n1\r\n0\r\n0\r\n1\r\n");
    data_folder_put(root, "Groundtruth/AllLabels/Labels_beach.txt", "0\n1\n1\n0\n0");
    data_folder_put(root, "Groundtruth/AllLabels/Labels_zebra.txt", "0\n0\n0\n1\n1\n");
    data_folder_put(root, "NUS_WID_Tags/TagList1k.txt", "nature\nsky\nred\n");
    data_folder_put(root, "NUS_WID_Tags/AllTags1k.txt", "1\t0\t1\t\n0\t1\t0\t\r\n0\t0\t0\t\n1\t1\t1\t\n0\t1\t1\t\n");
    data_folder_put(root, "Flickr/actor/0001_11.jpg", "");
}

static inline void put_nus_wide_split(const char *root) {
    data_folder_put(root, "ImageList/TrainImagelist.txt", "actor\\0001_11.jpg\r\n");
    data_folder_put(root, "ImageList/TestImagelist.txt", "zebra\\0002_15.jpg\r\n");
}

/* Four pictures in two folders; 00/25 and 01/112 have a label and a description. Latin-1, and no XML. */
static inline void put_iapr(const char *root) {
    data_folder_put(root, "annotations_complete_eng/00/25.eng",
                    "<DOC>\n<DOCNO>annotations/00/25.eng</DOCNO>\n<TITLE>Plaza & Iglesia</TITLE>\n"
                    "<DESCRIPTION> a caf\xe9 & a <palm>;\r\nblue sky; </DESCRIPTION>\n<NOTES></NOTES>\n"
                    "<LOCATION>Trujillo, Per\xfa</LOCATION>\n<IMAGE>images/00/25.jpg</IMAGE>\n</DOC>\n");
    data_folder_put(root, "annotations_complete_eng/00/3.eng", "<DOC>\n<DESCRIPTION></DESCRIPTION>\n</DOC>\n");
    data_folder_put(root, "annotations_complete_eng/01/112.eng",
                    "<DOC>\n<DESCRIPTION>two men</DESCRIPTION>\n</DOC>\n");
    data_folder_put(root, "annotations_complete_eng/01/113.eng",
                    "<DOC>\n<DESCRIPTION>a tree</DESCRIPTION>\n</DOC>\n");
    data_folder_put(root, "saiapr_tc-12/00/labels.txt", "25 1 240\r\n25 2 120\n3 1 120\n25 3 240\n");
    data_folder_put(root, "saiapr_tc-12/01/labels.txt", "112\t1\t99\n");
    data_folder_put(root, "saiapr_tc-12/wlist.txt", "240\tbuilding\n120 sky light\n");
    data_folder_put(root, "images/00/25.jpg", "");
}

/* Two parts; in train2017 one picture has no instance and one no caption. Outlines, unknown keys, lists in any order.
 */
static inline void put_coco(const char *root) {
    data_folder_put(root, "annotations/captions_train2017.json",
                    "{\"info\": {\"year\": 2017, \"list\": [1, {\"a\": [2.5]}]},\n"
                    " \"annotations\": [{\"image_id\": 9, \"id\": 1, \"caption\": \"A caf\\u00e9.\"},\n"
                    "  {\"image_id\": 7, \"id\": 2, \"caption\": \"Two dogs\"}, {\"image_id\": 9, \"id\": 3, "
                    "\"caption\": \"Tables\"}],"
                    " \"images\": [{\"id\": 9, \"file_name\": \"000000000009.jpg\"}, {\"id\": 7, \"file_name\": "
                    "\"000000000007.jpg\"},"
                    " {\"id\": 8, \"file_name\": \"000000000008.jpg\"}]}\n");
    data_folder_put(root, "annotations/instances_train2017.json",
                    "{\"images\": [], \"annotations\": ["
                    "{\"segmentation\": [[1.5, 2, 3e2]], \"image_id\": 9, \"category_id\": 67},"
                    "{\"segmentation\": {\"counts\": [1, 2]}, \"image_id\": 8, \"category_id\": 18},"
                    "{\"image_id\": 9, \"category_id\": 18}, {\"image_id\": 9, \"category_id\": 67}],"
                    "\"categories\": [{\"id\": 18, \"name\": \"dog\"}, {\"id\": 67, \"name\": \"dining table\"}]}");
    data_folder_put(root, "annotations/captions_val2017.json",
                    "{\"images\": [{\"id\": 1, \"file_name\": \"1.jpg\"}],\"annotations\": [{\"image_id\": 1, "
                    "\"caption\": \"dog\"}]}");
    data_folder_put(root, "annotations/instances_val2017.json",
                    "{\"categories\": [{\"id\": 18, \"name\": \"dog\"}], \"annotations\": [{\"image_id\": 1, "
                    "\"category_id\": 18}]}");
    data_folder_put(root, "annotations/person_keypoints_val2017.json", "other things");
    data_folder_put(root, "train2017/000000000009.jpg", "");
    data_folder_put(root, "val2017/1.jpg", "");
}

/* ---------------------------------------------------------------- .mat */

/* A file to add variables to; version MAT_FT_MAT5 or MAT_FT_MAT73. */
static inline mat_t *mat_create(const char *path, enum mat_ft version) {
    mat_t *mat = Mat_CreateVer(path, NULL, version);
    assert_non_null(mat);
    return mat;
}

/* A matrix or array; `data` column by column. */
static inline void mat_put(mat_t *mat, const char *name, enum matio_classes class_type, enum matio_types type,
                           int rank, const size_t *dimension, const void *data, enum matio_compression compression) {
    matvar_t *variable =
        Mat_VarCreate(name, class_type, type, rank, (size_t *)(uintptr_t)dimension, (void *)(uintptr_t)data, 0);
    assert_non_null(variable);
    assert_int_equal(Mat_VarWrite(mat, variable, compression), 0);
    Mat_VarFree(variable);
}

static inline void mat_put_doubles(mat_t *mat, const char *name, size_t n_rows, size_t n_columns,
                                   const double *data) {
    mat_put(mat, name, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, (const size_t[]){n_rows, n_columns}, data,
            MAT_COMPRESSION_ZLIB);
}

#endif
