/* characters.h - the characters of UTF-8 one by one, and the classes of them that tokenizers tell apart. */
#ifndef ADAH_TEXT_CHARACTERS_H
#define ADAH_TEXT_CHARACTERS_H

#include "base/status.h"
#include "base/text.h"

#include <unicode/uchar.h>

/* The character at *offset, which moves behind it; U+FFFD for what is no UTF-8. */
UChar32 adah_character_next(const char *text, size_t n_bytes, size_t *offset);
/* The one that ends before *offset, which moves to where it begins. */
UChar32 adah_character_before(const char *text, size_t *offset);
void adah_character_add(adah_text *text, UChar32 c);

/* Unicode's own white space. */
int adah_is_space(UChar32 c);
/* Marks of punctuation, and all of ASCII that is neither a letter nor a number, a blank nor a control. */
int adah_is_punctuation(UChar32 c);
/* Controls, format characters and private ones; BERT removes them. */
int adah_is_control(UChar32 c);
/* What BERT's tokenizers remove of letters that were taken apart, and what "StripAccents" does: all marks. */
int adah_is_bert_accent(UChar32 c);
int adah_is_accent(UChar32 c);
int adah_is_ideograph(UChar32 c);
/* What a regular expression's \w stands for. */
int adah_is_word(UChar32 c);
/* Lower case character by character, as tokenizers do it, whatever stands around. */
void adah_character_add_lower(adah_text *text, UChar32 c);

#endif
