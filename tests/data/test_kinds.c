/* (unit) test_kinds.c - collections as people have them: a small one of each kind loads with the records, texts and labels that it has, or is refused
 * with the way out. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data_folder.h"
#include "tar_bytes.h"

#include <adah/adah.h>

enum { FILES = 12 };

/* Pictures are files whose text is NULL; they are not opened here. */
typedef struct kind {
    const char *name;
    const char *tars; /* files below these folders, each with a blank behind, are members of tar files of that name */
    struct {
        const char *name, *text;
        size_t n_bytes; /* 0: up to the NUL byte */
    } file[FILES];
    size_t n_records, n_texts, n_labels, n_queries, n_bad, n_passed_over; /* passed over: other files, and pictures that are not named */
    const char *one, *text, *labels; /* a record: its texts; its labels, in the order of their numbers, with commas */
    const char *words;               /* of a note, of why a record was bad, or (n_records 0) of the message of a refusal */
} kind;

#define PICTURE(path) {.name = path}
#define TEXT(path, content) {.name = path, .text = content}
#define UTF16(text) "\xff\xfe" text, sizeof("\xff\xfe" text) - 1

static const kind kinds[] = {
    /* folders */
    {.name = "a plain folder", .file = {PICTURE("a dog.jpg"), PICTURE("IMG_1.JPG"), PICTURE("c.png")}, .n_records = 3, .n_texts = 1, .one = "a dog.jpg", .text = "a dog", .labels = ""},
    {.name = "albums", .file = {PICTURE("Italy/Rome/1.jpg"), PICTURE("Italy/Pisa/2.jpg"), PICTURE("Spain/3.jpg")}, .n_records = 3, .n_texts = 3, .n_labels = 4,
     .one = "Italy/Pisa/2.jpg", .text = "Italy Pisa", .labels = "Italy,Pisa"},
    {.name = "splits as folders", .file = {PICTURE("train/cat/1.jpg"), PICTURE("train/dog/2.jpg"), PICTURE("test/cat/3.jpg")}, .n_records = 3, .n_texts = 3, .n_labels = 2, .n_queries = 1,
     .one = "test/cat/3.jpg", .text = "cat", .labels = "cat"},
    {.name = "texts beside", .file = {PICTURE("1.jpg"), TEXT("1.txt", "a cat\na pet\n"), PICTURE("2.jpg"), TEXT("2.jpg.txt", "a dog"), PICTURE("3.jpg"), TEXT("3.caption", "a cow")}, .n_records = 3,
     .n_texts = 4, .one = "1.jpg", .text = "a cat\na pet", .labels = ""},
    {.name = "JSON beside, as img2dataset writes it",
     .file = {PICTURE("00000/000000001.jpg"), TEXT("00000/000000001.txt", "a boat"), TEXT("00000/000000001.json", "{\"caption\": \"a boat\", \"url\": \"http://x/y.jpg\", \"sha256\": \"00\"}"),
              TEXT("00000_stats.json", "{\"count\": 1}"), PICTURE("00001/000010001.jpg"), TEXT("00001/000010001.json", "{\"caption\": \"a hill\"}")},
     .n_records = 2, .n_texts = 2, .n_labels = 0, .n_passed_over = 1, .one = "00000/000000001.jpg", .text = "a boat", .labels = ""},
    {.name = "Takeout",
     .file = {PICTURE("Photos from 2019/IMG_1.jpg"), TEXT("Photos from 2019/IMG_1.jpg.supplemental-metadata.json", "{\"title\": \"IMG_1.jpg\", \"description\": \"at the sea\"}"),
              PICTURE("Photos from 2019/IMG_1(1).jpg"), TEXT("Photos from 2019/IMG_1.jpg.supplemental-metadata(1).json", "{\"title\": \"IMG_1.jpg\", \"description\": \"on a hill\"}"),
              PICTURE("Photos from 2019/IMG_2.jpg"), TEXT("Photos from 2019/IMG_2.jpg.json", "{\"title\": \"IMG_2.jpg\", \"description\": \"a bridge\"}"),
              PICTURE("Photos from 2019/IMG_2(1).jpg"), TEXT("Photos from 2019/IMG_2.jpg(1).json", "{\"description\": \"a tower\"}"),
              PICTURE("Photos from 2019/IMG_2-edited.jpg"), TEXT("Photos from 2019/metadata.json", "{\"title\": \"Photos from 2019\"}")},
     .n_records = 5, .n_texts = 5, .n_passed_over = 1, .one = "Photos from 2019/IMG_1(1).jpg", .text = "on a hill", .labels = ""},

    /* tar files */
    {.name = "webdataset: shards of two splits", .tars = "cc-train-000.tar cc-val-000.tar ",
     .file = {PICTURE("cc-train-000.tar/a/001.jpg"), TEXT("cc-train-000.tar/a/001.txt", "a cat"), TEXT("cc-train-000.tar/a/001.cls", "3"), PICTURE("cc-train-000.tar/002.png"),
              TEXT("cc-train-000.tar/002.json", "{\"caption\": \"a dog\", \"label\": 4, \"url\": \"x\"}"), PICTURE("cc-val-000.tar/001.jpg"), TEXT("cc-val-000.tar/001.caption", "a cow")},
     .n_records = 3, .n_texts = 3, .n_labels = 3, .n_queries = 1, .one = "cc-train-000.tar/a/001.jpg", .text = "a cat", .labels = "3,a", .words = "tar files"},
    {.name = "webdataset: several files with points, one sample", .tars = "0.tar ",
     .file = {PICTURE("0.tar/x.jpg"), PICTURE("0.tar/x.depth.png"), TEXT("0.tar/x.txt", "a cat"), PICTURE("0.tar/y.image.jpg"), TEXT("0.tar/y.txt", "a dog"), TEXT("0.tar/z.npy", "x")}, .n_records = 2, .n_texts = 2,
     .n_passed_over = 2, .one = "0.tar/y.image.jpg", .text = "a dog", .labels = "", .words = "sample of another"},
    {.name = "files of one tar that share a name up to the first point", .tars = "0.tar ",
     .file = {PICTURE("0.tar/photo.1.jpg"), TEXT("0.tar/photo.1.txt", "a cat"), PICTURE("0.tar/photo.2.jpg"), TEXT("0.tar/photo.cls", "pet"), PICTURE("0.tar/photo.d/x.jpg"), TEXT("0.tar/photo.txt", "a pet")},
     .n_records = 3, .n_texts = 4, .n_labels = 2, .one = "0.tar/photo.1.jpg", .text = "a cat\na pet", .labels = "pet"},
    {.name = "shards of train alone, in folders that are splits", .tars = "train/train-0.tar train/train-1.tar ", .file = {PICTURE("train/train-0.tar/a cat.jpg"), PICTURE("train/train-1.tar/a dog.jpg")}, .n_records = 2,
     .n_texts = 2, .one = "train/train-1.tar/a dog.jpg", .text = "a dog", .labels = ""},
    {.name = "a data set with metadata in a tar file", .tars = "set.tar ", .file = {TEXT("set.tar/metadata.jsonl", "{\"file_name\": \"i/a.jpg\", \"text\": \"a cat\"}"), PICTURE("set.tar/i/a.jpg")}, .n_records = 1,
     .n_texts = 1, .one = "set.tar/i/a.jpg", .text = "a cat", .labels = ""},
    {.name = "metadata that name what lies in tar files", .tars = "i.tar ", .file = {TEXT("metadata.csv", "file_name,text\ni.tar/a.jpg,a cat\n"), PICTURE("i.tar/a.jpg")}, .n_records = 1,
     .n_texts = 1, .one = "i.tar/a.jpg", .text = "a cat", .labels = ""},
    {.name = "a folder that is called so", .file = {PICTURE("x.tar/a cat.jpg"), PICTURE("x.tar/__MACOSX/a.jpg")}, .n_records = 1, .n_texts = 1, .one = "x.tar/a cat.jpg", .text = "a cat", .labels = ""},
    {.name = "COCO in a tar file", .tars = "coco.tar ",
     .file = {TEXT("coco.tar/annotations/captions.json", "{\"images\": [{\"id\": 1, \"file_name\": \"1.jpg\"}], \"annotations\": [{\"image_id\": 1, \"caption\": \"a cat\"}]}"), PICTURE("coco.tar/images/1.jpg")}, .n_records = 1,
     .n_texts = 1, .one = "coco.tar/images/1.jpg", .text = "a cat", .labels = ""},

    /* metadata of the format */
    {.name = "metadata.jsonl", .file = {TEXT("metadata.jsonl", "{\"file_name\": \"a.jpg\", \"text\": \"x y\", \"labels\": [\"p\", \"q\"], \"split\": \"test\"}\n{\"file_name\": \"b.jpg\"}\n")},
     .n_records = 2, .n_texts = 1, .n_labels = 2, .n_queries = 1, .one = "a.jpg", .text = "x y", .labels = "p,q"},
    {.name = "jsonl of pandas: NaN, numbers, capitals, backslashes",
     .file = {TEXT("metadata.jsonl", "\xef\xbb\xbf{\"File_Name\": \".\\\\i\\\\a.jpg\", \"Caption\": \"x\", \"label\": 3.0, \"score\": NaN}\r\n{\"File_Name\": \"i//b.jpg\", \"label\": 4, \"Caption\": NaN}\r\n")},
     .n_records = 2, .n_texts = 1, .n_labels = 2, .one = "i/a.jpg", .text = "x", .labels = "3", .words = "\"Caption\""},
    {.name = "several captions a picture",
     .file = {TEXT("metadata.jsonl", "{\"file_name\": \"a.jpg\", \"captions\": [\"one\", \"two\"]}\n{\"file_name\": \"./a.jpg\", \"captions\": [\"three\"], \"labels\": \"p\"}\n")}, .n_records = 1,
     .n_texts = 3, .n_labels = 1, .one = "a.jpg", .text = "one\ntwo\nthree", .labels = "p"},
    {.name = "objects in lists", .file = {TEXT("metadata.jsonl", "{\"file_name\": \"a.jpg\", \"sentences\": [{\"raw\": \"one\", \"tokens\": [\"one\"]}], \"tags\": [{\"name\": \"p\", \"id\": 1}]}")},
     .n_records = 1, .n_texts = 1, .n_labels = 1, .one = "a.jpg", .text = "one", .labels = "p"},
    {.name = "CSV of a spreadsheet: semicolons, byte order mark, CRLF, blanks in the header",
     .file = {TEXT("metadata.csv", "\xef\xbb\xbf File_Name ; Text;LABELS\r\na.jpg;\"x; y\";p|q\r\nb.jpg;z;p\r\n")}, .n_records = 2, .n_texts = 2, .n_labels = 2, .one = "a.jpg",
     .text = "x; y", .labels = "p,q"},
    {.name = "CSV in UTF-16, tabs", .file = {{"metadata.csv", UTF16("f\0i\0l\0e\0_\0n\0a\0m\0e\0\t\0t\0e\0x\0t\0\n\0a\0.\0j\0p\0g\0\t\0\xe9\0\n\0")}}, .n_records = 1, .n_texts = 1,
     .one = "a.jpg", .text = "\xc3\xa9", .labels = ""},
    {.name = "lists of Python in CSV", .file = {TEXT("metadata.csv", "file_name,captions,labels\na.jpg,\"['one', 'two']\",\"['p', 'q']\"\n")}, .n_records = 1, .n_texts = 2,
     .n_labels = 2, .one = "a.jpg", .text = "one\ntwo", .labels = "p,q"},
    {.name = "Hugging Face: metadata for each split",
     .file = {PICTURE("train/a.jpg"), TEXT("train/metadata.csv", "file_name,text\na.jpg,one\n"), PICTURE("test/a.jpg"), TEXT("test/metadata.jsonl", "{\"file_name\": \"a.jpg\", \"text\": \"two\"}")}, .n_records = 2,
     .n_texts = 2, .n_queries = 1, .one = "test/a.jpg", .text = "two", .labels = ""},
    {.name = "Hugging Face: class numbers with names in dataset_infos.json",
     .file = {TEXT("metadata.jsonl", "{\"file_name\": \"a.jpg\", \"label\": 1}\n{\"file_name\": \"b.jpg\", \"label\": 0}\n"),
              TEXT("dataset_infos.json", "{\"default\": {\"features\": {\"image\": {}, \"label\": {\"names\": [\"cat\", \"dog\"], \"_type\": \"ClassLabel\"}}}}")},
     .n_records = 2, .n_labels = 2, .one = "a.jpg", .text = "", .labels = "dog", .words = "dataset_infos.json"},
    {.name = "Hugging Face: class numbers with names in README.md",
     .file = {TEXT("train/metadata.csv", "file_name,label\na.jpg,1\nb.jpg,0\n"), PICTURE("train/a.jpg"), PICTURE("train/b.jpg"),
              TEXT("README.md", "---\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': cat\n"
                            "          '1': \"big dog\"\n  splits:\n  - name: train\n---\n# Animals\n")},
     .n_records = 2, .n_labels = 2, .one = "train/a.jpg", .text = "", .labels = "big dog"},

    /* files of other programs */
    {.name = "COCO of CVAT",
     .file = {TEXT("annotations/instances_default.json", "{\"licenses\": [], \"info\": {\"x\": \"{\"}, \"categories\": [{\"id\": 1, \"name\": \"cat\"}, {\"id\": 2, \"name\": \"dog\"}],"
                                                     " \"images\": [{\"id\": 1, \"file_name\": \"train\\\\1.jpg\"}, {\"id\": 2, \"file_name\": \"2.jpg\"}, {\"id\": 3, \"file_name\": \"3.jpg\"}],"
                                                     " \"annotations\": [{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"bbox\": [NaN]}, {\"id\": 2, \"image_id\": 1, \"category_id\": 2},"
                                                     " {\"id\": 3, \"image_id\": 1, \"category_id\": 2}, {\"id\": 4, \"image_id\": 3, \"category_id\": 2}]}"),
              PICTURE("images/train/1.jpg"), PICTURE("images/2.jpg")},
     .n_records = 2, .n_labels = 2, .n_bad = 1, .one = "images/train/1.jpg", .text = "", .labels = "cat,dog", .words = "no picture \"3.jpg\""},
    {.name = "COCO of Roboflow",
     .file = {TEXT("train/_annotations.coco.json", "{\"info\":{},\"categories\":[{\"id\":0,\"name\":\"animals\"},{\"id\":1,\"name\":\"cat\"}],\"images\":[{\"id\":0,\"file_name\":\"a.jpg\"}],"
                                               "\"annotations\":[{\"id\":0,\"image_id\":0,\"category_id\":1}]}"),
              PICTURE("train/a.jpg"), TEXT("valid/_annotations.coco.json", "{\"categories\":[{\"id\":1,\"name\":\"cat\"}],\"images\":[{\"id\":0,\"file_name\":\"a.jpg\"}],"
                                                                "\"annotations\":[{\"id\":0,\"image_id\":0,\"category_id\":1}]}"),
              PICTURE("valid/a.jpg"), TEXT("README.roboflow.txt", "a project")},
     .n_records = 2, .n_labels = 1, .n_queries = 1, .one = "valid/a.jpg", .text = "", .labels = "cat"},
    {.name = "COCO of Label Studio, with texts for ids",
     .file = {TEXT("result.json", "{\"images\": [{\"width\": 3, \"id\": \"7\", \"file_name\": \"images/0a1b-a.jpg\"}], \"categories\": [{\"id\": 0, \"name\": \"cat\"}],"
                              " \"annotations\": [{\"id\": 0, \"image_id\": 7, \"category_id\": 0.0}], \"info\": {}}"),
              PICTURE("images/0a1b-a.jpg")},
     .n_records = 1, .n_labels = 1, .one = "images/0a1b-a.jpg", .text = "", .labels = "cat"},
    {.name = "COCO: captions and instances, a folder for each part",
     .file = {TEXT("annotations/captions_train2017.json", "{\"images\": [{\"id\": 1, \"file_name\": \"001.jpg\"}], \"annotations\": [{\"image_id\": 1, \"caption\": \"a cat\"}, {\"image_id\": 1, \"caption\": \"a pet\"}]}"),
              TEXT("annotations/instances_train2017.json", "{\"images\": [{\"id\": 1, \"file_name\": \"001.jpg\"}], \"annotations\": [{\"image_id\": 1, \"category_id\": 1}], \"categories\": [{\"id\": 1, \"name\": \"cat\"}]}"),
              TEXT("annotations/captions_val2017.json", "{\"images\": [{\"id\": 2, \"file_name\": \"002.jpg\"}], \"annotations\": [{\"image_id\": 2, \"caption\": \"a dog\"}]}"),
              PICTURE("train2017/001.jpg"), PICTURE("val2017/002.jpg")},
     .n_records = 2, .n_texts = 3, .n_labels = 1, .n_queries = 1, .one = "train2017/001.jpg", .text = "a cat\na pet", .labels = "cat"},
    {.name = "Karpathy's splits",
     .file = {TEXT("dataset_flickr8k.json", "{\"images\": [{\"sentids\": [0], \"imgid\": 0, \"sentences\": [{\"tokens\": [\"a\"], \"raw\": \"A cat .\", \"imgid\": 0, \"sentid\": 0}, {\"raw\": \"A pet .\"}],"
                                        " \"split\": \"restval\", \"filename\": \"1_2.jpg\"}, {\"filepath\": \"val2014\", \"sentences\": [{\"raw\": \"A dog\"}], \"split\": \"test\", \"filename\": \"3_4.jpg\"}], \"dataset\": \"flickr8k\"}"),
              PICTURE("Flicker8k_Dataset/1_2.jpg"), PICTURE("Flicker8k_Dataset/3_4.jpg")},
     .n_records = 2, .n_texts = 3, .n_queries = 1, .one = "Flicker8k_Dataset/1_2.jpg", .text = "A cat .\nA pet .", .labels = ""},
    {.name = "Flickr8k: token file and lists",
     .file = {TEXT("text/Flickr8k.token.txt", "1_2.jpg#0\tA cat .\n1_2.jpg#1\t\"A pet\" .\n3_4.jpg#0\tA dog\n9.jpg#0\tNowhere\n"), TEXT("text/Flickr_8k.trainImages.txt", "1_2.jpg\n"),
              TEXT("text/Flickr_8k.testImages.txt", "3_4.jpg\n"), PICTURE("Images/1_2.jpg"), PICTURE("Images/3_4.jpg"), PICTURE("Images/5.jpg")},
     .n_records = 2, .n_texts = 3, .n_queries = 1, .n_bad = 1, .n_passed_over = 1, .one = "Images/1_2.jpg", .text = "A cat .\n\"A pet\" .", .labels = "", .words = "passed over: 1; the first: Images/5.jpg"},
    {.name = "Flickr8k of Kaggle", .file = {TEXT("captions.txt", "image,caption\n1.jpg,A cat .\n1.jpg,\"A cat, again\"\n2.jpg,A dog\n"), PICTURE("Images/1.jpg"), PICTURE("Images/2.jpg")}, .n_records = 2, .n_texts = 3,
     .one = "Images/1.jpg", .text = "A cat .\nA cat, again", .labels = ""},
    {.name = "Flickr30k: results.csv with bars", .file = {TEXT("results.csv", "image_name| comment_number| comment\n1.jpg| 0| \"Hi\" says a cat .\n1.jpg| 1| A cat\n2.jpg| 4   A dog\n2.jpg| 5| A cow\n"), PICTURE("flickr30k_images/1.jpg"), PICTURE("flickr30k_images/2.jpg")},
     .n_records = 2, .n_texts = 3, .n_bad = 1, .one = "flickr30k_images/1.jpg", .text = "\"Hi\" says a cat .\nA cat", .labels = "", .words = "2 fields, expected 3"},
    {.name = "LAION: a table with addresses and keys", .file = {TEXT("laion.tsv", "URL\tTEXT\tkey\nhttps://x.org/a/b?w=3\tA cat\t000000001\nhttps://x.org/c\tA dog\t000000002\n"), PICTURE("00000/000000001.jpg"), PICTURE("00000/000000002.jpg")},
     .n_records = 2, .n_texts = 2, .one = "00000/000000001.jpg", .text = "A cat", .labels = ""},
    {.name = "a table of addresses", .file = {TEXT("list.csv", "id,url,caption\n7,https://x.org/p/a.jpg?w=3,A cat\n8,https://x.org/p/b.jpg,A dog\n"), PICTURE("a.jpg"), PICTURE("b.jpg")}, .n_records = 2, .n_texts = 2,
     .one = "a.jpg", .text = "A cat", .labels = ""},
    {.name = "Kaggle: names without endings, one other column", .file = {TEXT("labels.csv", "id,breed\n0a,boston_bull\n0b,dingo\n0c,dingo\n"), PICTURE("train/0a.jpg"), PICTURE("train/0b.jpg"), PICTURE("test/0d.jpg")}, .n_records = 2, .n_labels = 2,
     .n_bad = 1, .n_passed_over = 1, .one = "train/0a.jpg", .text = "", .labels = "boston_bull", .words = "\"breed\""},
    {.name = "columns of 0 and 1", .file = {TEXT("train/_classes.csv", "filename, cat, dog\na.jpg, 1, 0\nb.jpg, 1, 1\nc.jpg,0,0\n"), PICTURE("train/a.jpg"), PICTURE("train/b.jpg"), PICTURE("train/c.jpg")}, .n_records = 3, .n_labels = 2,
     .one = "train/b.jpg", .text = "", .labels = "cat,dog"},
    {.name = "Open Images",
     .file = {TEXT("train-annotations-human-imagelabels.csv", "ImageID,Source,LabelName,Confidence\n00a,verification,/m/0cat,1\n00a,verification,/m/0dog,0\n00b,verification,/m/0dog,1\n"),
              TEXT("class-descriptions.csv", "/m/0cat,Cat\n/m/0dog,\"Dog, big\"\n/m/0cow,Cow\n"), PICTURE("train/00a.jpg"), PICTURE("train/00b.jpg")},
     .n_records = 2, .n_labels = 2, .one = "train/00a.jpg", .text = "", .labels = "Cat"},
    {.name = "CelebA", .file = {TEXT("Anno/list_attr_celeba.txt", "2\nBald Smiling \n1.jpg -1  1\n2.jpg  1  1\n"), TEXT("Eval/list_eval_partition.txt", "1.jpg 0\n2.jpg 2\n"), PICTURE("img_align_celeba/1.jpg"), PICTURE("img_align_celeba/2.jpg")}, .n_records = 2,
     .n_labels = 2, .n_queries = 1, .one = "img_align_celeba/1.jpg", .text = "", .labels = "Smiling"},
    {.name = "CUB",
     .file = {TEXT("images.txt", "1 001.Black_Tern/a_1.jpg\n2 002.Crow/b_2.jpg\n"), TEXT("image_class_labels.txt", "1 1\n2 2\n"), TEXT("classes.txt", "1 001.Black_Tern\n2 002.Crow\n"), TEXT("train_test_split.txt", "1 1\n2 0\n"),
              TEXT("bounding_boxes.txt", "1 60.0 27.0 325.0 304.0\n"), PICTURE("images/001.Black_Tern/a_1.jpg"), PICTURE("images/002.Crow/b_2.jpg")},
     .n_records = 2, .n_labels = 2, .n_queries = 1, .one = "images/001.Black_Tern/a_1.jpg", .text = "", .labels = "Black Tern"},
    {.name = "lists with class numbers", .file = {TEXT("train.txt", "./i/a.jpg 3\n./i/b.jpg 4\n"), TEXT("test.txt", "i/c.jpg 3\n"), PICTURE("i/a.jpg"), PICTURE("i/b.jpg"), PICTURE("i/c.jpg")}, .n_records = 3, .n_labels = 2, .n_queries = 1, .one = "i/a.jpg",
     .text = "", .labels = "3"},
    {.name = "lists with marks", .file = {TEXT("database.txt", "i/a.jpg 0 1 1\ni/b.jpg 1 0 0\n"), PICTURE("i/a.jpg"), PICTURE("i/b.jpg")}, .n_records = 2, .n_labels = 3, .one = "i/a.jpg", .text = "", .labels = "1,2"},
    {.name = "a list of objects", .file = {TEXT("captions.json", "[{\"image_id\": \"a\", \"caption\": \"A cat\"}, {\"image_id\": \"b\", \"caption\": [\"A dog\", \"A pet\"]}]"), PICTURE("a.png"), PICTURE("b.png")}, .n_records = 2, .n_texts = 3, .one = "b.png",
     .text = "A dog\nA pet", .labels = ""},
    {.name = "an object by names", .file = {TEXT("captions.json", "{\"i/a.jpg\": \"A cat\", \"b.jpg\": [\"A dog\", \"A pet\"], \"c.jpg\": {\"caption\": \"A cow\", \"label\": 3}}"), PICTURE("i/a.jpg"), PICTURE("i/b.jpg"), PICTURE("i/c.jpg")}, .n_records = 3, .n_texts = 4,
     .n_labels = 1, .one = "i/c.jpg", .text = "A cow", .labels = "3"},
    {.name = "an object a line under another name", .file = {TEXT("annotations.jsonl", "{\"id\": 3, \"img\": \"img/a.jpg\", \"text\": \"A cat\", \"label\": 1}\n{\"id\": 4, \"img\": \"img/b.jpg\", \"text\": \"A dog\", \"label\": 0}\n"), PICTURE("img/a.jpg"), PICTURE("img/b.jpg")},
     .n_records = 2, .n_texts = 2, .n_labels = 2, .one = "img/a.jpg", .text = "A cat", .labels = "1"},
    {.name = "metadata that are broken", .file = {PICTURE("a.jpg"), TEXT("captions.json", "[{\"image\": \"a.jpg\", \"text\": \"A c")}, .n_records = 1, .n_passed_over = 1, .one = "a.jpg", .text = "", .labels = "", .words = "passed over: 1; the first: captions.json"},
    {.name = "raw camera data", .file = {PICTURE("a dog.NEF"), PICTURE("b.dng"), PICTURE("b.jpg")}, .n_records = 2, .n_texts = 1, .n_passed_over = 1, .one = "a dog.NEF", .text = "a dog", .labels = "", .words = "their pictures lie beside them: 1; the first: b.dng"},

    /* what detectors learn from */
    {.name = "YOLO: folders of pictures and of boxes",
     .file = {PICTURE("images/train/a.jpg"), TEXT("labels/train/a.txt", "1 0.5 0.5 0.1 0.1\r\n0 0.2 0.2 0.1 0.1\n1 .1 .1 .1 .1\n"), PICTURE("images/val/b.jpg"), TEXT("labels/val/b.txt", "0 0.5 0.5 0.1 0.1"),
              TEXT("data.yaml", "train: images/train\nval: images/val\nnc: 2\nnames: ['cat', \"big dog\"]\n")},
     .n_records = 2, .n_texts = 2, .n_labels = 2, .n_queries = 1, .n_passed_over = 1, .one = "images/train/a.jpg", .text = "big dog, cat", .labels = "big dog,cat", .words = "file of boxes"},
    {.name = "YOLO: boxes beside, names a line each", .file = {PICTURE("a.jpg"), TEXT("a.txt", "1 0.5 0.5 0.1 0.1\n"), PICTURE("b.jpg"), TEXT("b.txt", "7 0.5 0.5 0.1 0.1\n"), TEXT("classes.txt", "cat\ndog\n")}, .n_records = 2,
     .n_texts = 1, .n_labels = 1, .one = "a.jpg", .text = "dog", .labels = "dog"},
    {.name = "YOLO: names by number, a list of the pictures", .file = {PICTURE("images/a.jpg"), TEXT("labels/a.txt", "0 0.5 0.5 0.1 0.1\n"), TEXT("data.yaml", "names:\n  0: cat\n  1: dog\nnc: 2\n"), TEXT("train.txt", "./images/a.jpg\n")},
     .n_records = 1, .n_texts = 1, .n_labels = 1, .one = "images/a.jpg", .text = "cat", .labels = "cat"},
    {.name = "YOLO: names over several lines", .file = {PICTURE("a.jpg"), TEXT("a.txt", "2 0.5 0.5 0.1 0.1\n"), TEXT("data.yaml", "names: ['cat', # of the house\n  \"dog, big\",\n  cow] # all\nnc: 3\n")},
     .n_records = 1, .n_passed_over = 1, .n_texts = 1, .n_labels = 1, .one = "a.jpg", .text = "cow", .labels = "cow"},
    {.name = "YOLO: names by their numbers, with comments", .file = {PICTURE("a.jpg"), TEXT("a.txt", "2 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1"), TEXT("data.yaml", "names: # two\n  1: cat\n# more\n\n  2: 'dog'  # large\nnc: 2\n  3: none\n")},
     .n_records = 1, .n_passed_over = 1, .n_texts = 1, .n_labels = 2, .one = "a.jpg", .text = "dog, cat", .labels = "cat,dog"},
    {.name = "YOLO: names in braces", .file = {PICTURE("a.jpg"), TEXT("a.txt", "5 0.5 0.5 0.1 0.1\n"), TEXT("data.yaml", "nc: 2\nnames: {0: cat, 5: dog}\n")},
     .n_records = 1, .n_passed_over = 1, .n_texts = 1, .n_labels = 1, .one = "a.jpg", .text = "dog", .labels = "dog"},
    {.name = "YOLO: equal and empty names count", .file = {PICTURE("a.jpg"), TEXT("a.txt", "3 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n"), TEXT("classes.txt", "cat\n\ncat\ndog\n")}, .n_records = 1,
     .n_texts = 1, .n_labels = 1, .one = "a.jpg", .text = "dog", .labels = "dog"},
    {.name = "YOLO: no names in the file of classes", .file = {PICTURE("a.jpg"), TEXT("a.txt", "0 0.5 0.5 0.1 0.1\n"), TEXT("data.yaml", "nc: 2\nname: x\n")}, .n_records = 1, .n_passed_over = 1,
     .one = "a.jpg", .text = "", .labels = "", .words = "no names of classes are in it"},
    {.name = "YOLO: boxes without names", .file = {PICTURE("a.jpg"), TEXT("a.txt", "1 0.5 0.5 0.1 0.1\n")}, .n_records = 1, .n_passed_over = 1, .one = "a.jpg", .text = "", .labels = "", .words = "classes.txt"},
    {.name = "Pascal VOC",
     .file = {PICTURE("VOC2007/JPEGImages/000001.jpg"), TEXT("VOC2007/Annotations/000001.xml", "<annotation><filename>000001.jpg</filename><object><name>dog</name><part><name>head</name></part></object><object><name>person</name></object></annotation>"),
              PICTURE("VOC2007/JPEGImages/000002.jpg"), TEXT("VOC2007/Annotations/000002.xml", "<annotation><object><name>cat</na"), TEXT("VOC2007/ImageSets/Main/train.txt", "000001\n"),
              TEXT("VOC2007/ImageSets/Main/val.txt", "000002\n")},
     .n_records = 2, .n_texts = 1, .n_labels = 2, .n_queries = 1, .one = "VOC2007/JPEGImages/000001.jpg", .text = "dog, person", .labels = "dog,person"},
    {.name = "labelImg: XML beside", .file = {PICTURE("a.jpg"), TEXT("a.xml", "<?xml version=\"1.0\"?><annotation><object><name>cat</name></object></annotation>"), PICTURE("b.jpg"), TEXT("b.xml", "<other><object><name>x</name></object></other>")},
     .n_records = 2, .n_texts = 1, .n_labels = 1, .one = "a.jpg", .text = "cat", .labels = "cat"},
    {.name = "labelme, with the picture in it", .file = {PICTURE("a.jpg"), TEXT("a.json", "{\"version\": \"5.0\", \"flags\": {}, \"shapes\": [{\"label\": \"cat\", \"points\": [[1, 2]]}, {\"label\": \"dog\"}, {\"label\": \"cat\"}],"
                                                                           " \"imagePath\": \"a.jpg\", \"imageData\": \"QUJD\"}")}, .n_records = 1, .n_texts = 1, .n_labels = 2, .one = "a.jpg", .text = "cat, dog", .labels = "cat,dog"},

    /* as people's computers make them */
    {.name = "Open Images with titles",
     .file = {TEXT("image_ids_and_rotation.csv", "ImageID,Subset,OriginalURL,Author,Title,Rotation\n00a,train,https://x.org/00a_o.jpg,Ann,A cat on a wall,0.0\n00b,test,https://x.org/00b_o.jpg,Bob,Dogs,\n"),
              TEXT("annotations.csv", "ImageID,LabelName,Confidence\n00a,/m/0cat,1\n"), PICTURE("i/00a.jpg"), PICTURE("i/00b.jpg")},
     .n_records = 2, .n_texts = 2, .n_labels = 1, .n_queries = 1, .one = "i/00a.jpg", .text = "A cat on a wall", .labels = "/m/0cat"},
    {.name = "paths of Windows with a drive's letter", .file = {TEXT("list.csv", "Path;Caption\r\nC:\\Users\\Ann\\Pictures\\a.jpg;A cat\r\nD:\\b.JPG;A dog\r\n"), PICTURE("Ann/Pictures/a.jpg"), PICTURE("b.jpg")}, .n_records = 2,
     .n_texts = 2, .one = "Ann/Pictures/a.jpg", .text = "A cat", .labels = ""},
    {.name = "accents in two forms", .file = {TEXT("list.csv", "image,caption\ncaf\xc3\xa9.jpg,A cup\nb.jpg,A dog\n"), PICTURE("i/cafe\xcc\x81.jpg"), PICTURE("i/b.jpg")}, .n_records = 2, .n_texts = 2,
     .one = "i/cafe\xcc\x81.jpg", .text = "A cup", .labels = ""},
    {.name = "boards of a web site", .file = {TEXT("pins.csv", "board,title,image_url\nKitchen,A red chair,https://i.x.com/736x/ab/a.jpg\nGarden,A tree,https://i.x.com/736x/cd/b.jpg\n"), PICTURE("a.jpg"), PICTURE("b.jpg")}, .n_records = 2,
     .n_texts = 2, .one = "a.jpg", .text = "A red chair", .labels = ""},
    {.name = "a phone's export: edits, films and settings beside", .file = {PICTURE("IMG_0001.HEIC"), TEXT("IMG_0001.AAE", "<plist/>"), TEXT("IMG_0001.MOV", "x"), PICTURE("IMG_E0001.HEIC")}, .n_records = 2, .n_passed_over = 2, .one = "IMG_E0001.HEIC",
     .text = "", .labels = ""},

    /* refused */
    {.name = "nothing", .file = {TEXT("README.txt", "x")}, .words = "nor any picture"},
    {.name = "Parquet", .file = {TEXT("data/train-00000-of-00001.parquet", "PAR1")}, .words = "holds its pictures"},
    {.name = "shards that are broken", .file = {TEXT("00000.tar", "x"), TEXT("00001.tar", "x")}, .words = "00000.tar: not a tar file"},
    {.name = "shards that are compressed", .file = {TEXT("00000.tar.gz", "x")}, .words = "unpack it"},
    {.name = "an archive", .file = {TEXT("photos.zip", "PK\003\004")}, .words = "unpack"},
    {.name = "a table without its pictures", .file = {TEXT("captions.csv", "image,caption\na.jpg,A cat\n")}, .words = "captions.csv"},
    {.name = "metadata in another encoding", .file = {TEXT("metadata.csv", "file_name,text\na.jpg,caf\xe9\n")}, .words = "iconv"},
    {.name = "metadata without names of files", .file = {TEXT("metadata.csv", "text;labels\nx;y\n")}, .words = "no column file_name"},
    {.name = "metadata that are a web page", .file = {TEXT("metadata.jsonl", "<!DOCTYPE html><html>")}, .words = "a web page"},
};

static temporary_folder folder;
static size_t n_complaints;

/* All kinds are tried, whatever is wrong with one. */
#define complain(...) (n_complaints++, print_error(__VA_ARGS__), print_error("\n"))

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

static void put_files(const kind *k) {
    char tar[64];
    for (const char *t = k->tars; t && sscanf(t, "%63s", tar) == 1; t = strchr(t, ' ') + 1) {
        tar_bytes b = {NULL, 0};
        for (size_t i = 0; i < FILES && k->file[i].name; i++) {
            const char *text = k->file[i].text ? k->file[i].text : "no picture";
            if (!strncmp(k->file[i].name, tar, strlen(tar)))
                tar_add_file(&b, k->file[i].name + strlen(tar) + 1, text, strlen(text));
        }
        data_folder_write(folder.path, tar, b.bytes, b.n);
        tar_free(&b);
    }
    for (size_t i = 0; i < FILES && k->file[i].name; i++) {
        const char *text = k->file[i].text ? k->file[i].text : "no picture", *in_tar = strstr(k->file[i].name, ".tar/");
        if (k->tars && in_tar)
            continue;
        data_folder_write(folder.path, k->file[i].name, text, k->file[i].n_bytes ? k->file[i].n_bytes : strlen(text));
    }
}

static const adah_record *find(const kind *k, const adah_dataset *dataset) {
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        if (!strcmp(adah_dataset_record(dataset, i)->file_name, k->one))
            return adah_dataset_record(dataset, i);
    return NULL;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void count_line(void *context, const char *message) {
    if (strchr(message, ':'))
        ++*(size_t *)context;
}

static void assert_one(const kind *k, const adah_dataset *dataset) {
    const adah_record *r = find(k, dataset);
    char labels[256] = "";
    const char *name[16];
    if (!r) {
        complain("%s: no record %s, but %s", k->name, k->one, adah_dataset_record(dataset, 0)->file_name);
        return;
    }
    assert_true(r->n_labels <= 16);
    for (size_t i = 0; i < r->n_labels; i++)
        name[i] = adah_dataset_label_name(dataset, r->label[i]);
    if (r->n_labels)
        qsort(name, r->n_labels, sizeof *name, compare_names);
    for (size_t i = 0; i < r->n_labels; i++)
        snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%s", i ? "," : "", name[i]);
    if (strcmp(r->text, k->text) != 0 || strcmp(labels, k->labels) != 0)
        complain("%s: %s has the text \"%s\" and the labels \"%s\"", k->name, k->one, r->text, labels);
}

static void assert_kind(const kind *k) {
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    size_t n_told = 0;
    adah_dataset_options o;
    adah_dataset_options_init(&o);
    o.left_out = count_line;
    o.left_out_context = &n_told;
    const adah_code code = adah_dataset_open(folder.path, &o, &dataset, &status);
    if (k->n_records == 0) {
        if (code == ADAH_OK || !strstr(status.message, k->words))
            complain("%s: not refused, or \"%s\" does not hold \"%s\"", k->name, status.message, k->words);
        adah_dataset_close(dataset);
        return;
    }
    if (code != ADAH_OK) {
        complain("%s: %s", k->name, status.message);
        return;
    }
    size_t n_texts = 0, n_queries = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        n_texts += adah_dataset_record(dataset, i)->n_texts;
        n_queries += adah_dataset_record(dataset, i)->split == ADAH_SPLIT_QUERY;
    }
    const char *why;
    const size_t n_bad = adah_dataset_skipped(dataset, &why);
    if (adah_dataset_count(dataset) != k->n_records || n_texts != k->n_texts || adah_dataset_label_count(dataset) != k->n_labels || n_queries != k->n_queries || n_bad != k->n_bad)
        complain("%s: %zu records, %zu texts, %zu labels, %zu queries, %zu bad: %s\n%s", k->name, adah_dataset_count(dataset), n_texts, adah_dataset_label_count(dataset), n_queries,
                 n_bad, why, adah_dataset_notes(dataset));
    if (n_told != n_bad + k->n_passed_over)
        complain("%s: told of %zu things left out", k->name, n_told);
    if (k->words && !strstr(adah_dataset_notes(dataset), k->words) && !strstr(why, k->words))
        complain("%s: neither \"%s\" nor \"%s\" holds \"%s\"", k->name, adah_dataset_notes(dataset), why, k->words);
    assert_one(k, dataset);
    adah_dataset_close(dataset);
}

static void reads_every_kind(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        put_files(&kinds[i]);
        assert_kind(&kinds[i]);
        data_folder_remove(&folder);
        folder = temporary_folder_create();
    }
    assert_int_equal(n_complaints, 0);
}

static void looks_into_a_hundred_files(void **state) {
    (void)state;
    char name[32];
    data_folder_put(folder.path, "a.jpg", "no picture");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%03d.csv", i);
        data_folder_put(folder.path, name, "x,y\n");
    }
    for (int more = 0; more < 2; more++) {
        adah_dataset *dataset = NULL;
        assert_int_equal(adah_dataset_open(folder.path, NULL, &dataset, NULL), ADAH_OK);
        assert_int_equal(strstr(adah_dataset_notes(dataset), "only the first 100 files") != NULL, more);
        adah_dataset_close(dataset);
        data_folder_put(folder.path, "more.csv", "image,text\na.jpg,x\n");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(reads_every_kind, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(looks_into_a_hundred_files, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
