/* characters.c - ICU's properties, held to the age of the tables that the reference has.
 *
 * Hugging Face's tokenizers tell BERT's punctuation, controls and marks by the tables of Unicode 8, and the marks of "StripAccents" by those
 * of Unicode 9: what came later is none to them, and models learned so. A few characters have changed their class since. */
#include "text/characters.h"

#include <unicode/utf8.h>

UChar32 adah_character_next(const char *text, size_t n_bytes, size_t *offset) {
    const uint8_t *s = (const uint8_t *)text;
    size_t i = *offset;
    UChar32 c;
    U8_NEXT_OR_FFFD(s, i, n_bytes, c);
    *offset = i;
    return c;
}

UChar32 adah_character_before(const char *text, size_t *offset) {
    const uint8_t *s = (const uint8_t *)text;
    size_t start = *offset;
    do
        start--;
    while (start > 0 && *offset - start < 4 && U8_IS_TRAIL(s[start]));
    size_t i = start;
    const UChar32 c = adah_character_next(text, *offset, &i);
    *offset = start;
    return c;
}

void adah_character_add(adah_text *text, UChar32 c) {
    uint8_t bytes[U8_MAX_LENGTH];
    size_t n = 0;
    U8_APPEND_UNSAFE(bytes, n, c);
    adah_text_add_bytes(text, (const char *)bytes, n);
}

static int is_of_version(UChar32 c, int version) {
    UVersionInfo age;
    u_charAge(c, age);
    return age[0] <= version;
}

int adah_is_space(UChar32 c) { return u_isUWhiteSpace(c); }

int adah_is_punctuation(UChar32 c) {
    if (c < 128)
        return c > 32 && c < 127 && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
    return (u_ispunct(c) && is_of_version(c, 8)) || c == 0x166D || c == 0x111C9;
}

int adah_is_control(UChar32 c) {
    return (U_GET_GC_MASK(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) && is_of_version(c, 8);
}

int adah_is_bert_accent(UChar32 c) {
    if (c == 0x1734)
        return 1;
    return u_charType(c) == U_NON_SPACING_MARK && is_of_version(c, 8) && c != 0x1885 && c != 0x1886 && c != 0xA9BD && c != 0x111C9;
}

int adah_is_accent(UChar32 c) {
    if (c == 0x1CF2 || c == 0x1CF3)
        return 1;
    return (U_GET_GC_MASK(c) & U_GC_M_MASK) && is_of_version(c, 9) && c != 0x111C9;
}

int adah_is_ideograph(UChar32 c) {
    static const UChar32 range[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
                                       {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (c >= range[i][0] && c <= range[i][1])
            return 1;
    return 0;
}

int adah_is_word(UChar32 c) {
    return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
           (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK));
}

void adah_character_add_lower(adah_text *text, UChar32 c) {
    if (c == 0x130) { /* the one whose lower case is two characters */
        adah_text_add_bytes(text, "i\xCC\x87", 3);
        return;
    }
    adah_character_add(text, u_tolower(c));
}
