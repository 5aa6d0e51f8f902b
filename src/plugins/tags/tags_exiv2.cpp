/* tags_exiv2.cpp - libexiv2's values as bytes. The only C++ of the library, since libexiv2 is. */
#include "plugins/tags/tags.h"

#include <adah/core.h>
#include <exiv2/exiv2.hpp>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

namespace {

typedef void (*teller)(void *context, adah_tag tag, const char *bytes, size_t n_bytes);

struct listener {
    teller tell;
    void *context;
    void operator()(adah_tag tag, const std::string &text) const { tell(context, tag, text.data(), text.size()); }
};

/* Keys of one value or of several under one name. */
struct named {
    const char *key;
    adah_tag tag;
};

const named iptc_keys[] = {{"Iptc.Application2.Caption", ADAH_TAG_CAPTION}, {"Iptc.Application2.Keywords", ADAH_TAG_KEYWORD}};
const named xmp_keys[] = {{"Xmp.dc.description", ADAH_TAG_CAPTION},
                          {"Xmp.dc.subject", ADAH_TAG_KEYWORD},
                          {"Xmp.digiKam.TagsList", ADAH_TAG_HIERARCHY},
                          {"Xmp.lr.hierarchicalSubject", ADAH_TAG_HIERARCHY},
                          {"Xmp.MicrosoftPhoto.LastKeywordXMP", ADAH_TAG_HIERARCHY}};

void tell_iptc(const Exiv2::IptcData &data, const listener &say) {
    for (const Exiv2::Iptcdatum &datum : data)
        for (const named &n : iptc_keys)
            if (datum.key() == n.key)
                say(n.tag, datum.toString());
}

/* All languages of a text; all items of a list. */
void tell_value(const Exiv2::Value &value, adah_tag tag, const listener &say) {
    const Exiv2::LangAltValue *texts = dynamic_cast<const Exiv2::LangAltValue *>(&value);
    if (texts) {
        for (const auto &text : texts->value_)
            say(tag, text.second);
        return;
    }
    for (long i = 0; i < static_cast<long>(value.count()); i++)
        say(tag, value.toString(i));
}

void tell_xmp(const Exiv2::XmpData &data, const listener &say) {
    for (const Exiv2::Xmpdatum &datum : data)
        for (const named &n : xmp_keys)
            if (datum.key() == n.key)
                tell_value(datum.value(), n.tag, say);
}

/* Windows parts its keywords by semicolons. */
void tell_listed(const std::string &list, const listener &say) {
    for (size_t start = 0; start < list.size();) {
        size_t end = list.find(';', start);
        end = end == std::string::npos ? list.size() : end;
        say(ADAH_TAG_KEYWORD, list.substr(start, end - start));
        start = end + 1;
    }
}

void tell_exif(const Exiv2::ExifData &data, const listener &say) {
    for (const Exiv2::Exifdatum &datum : data) {
        const std::string key = datum.key();
        const Exiv2::CommentValue *comment = key == "Exif.Photo.UserComment" ? dynamic_cast<const Exiv2::CommentValue *>(&datum.value()) : nullptr;
        if (comment)
            say(ADAH_TAG_CAPTION, comment->comment());
        else if (key == "Exif.Image.ImageDescription")
            say(ADAH_TAG_CAPTION, datum.toString());
        else if (key == "Exif.Image.XPComment")
            say(ADAH_TAG_CAPTION, datum.print(&data));
        else if (key == "Exif.Image.XPKeywords")
            tell_listed(datum.print(&data), say);
    }
}

void start() {
    Exiv2::LogMsg::setLevel(Exiv2::LogMsg::mute);
    Exiv2::XmpParser::initialize();
#ifdef EXV_ENABLE_BMFF
    Exiv2::enableBMFF(true);
#endif
}

int read(const char *path, teller tell, void *context, char *why, size_t n_why) {
    const listener say = {tell, context};
    try {
        auto image = Exiv2::ImageFactory::open(path);
        image->readMetadata();
        tell_iptc(image->iptcData(), say);
        tell_xmp(image->xmpData(), say);
        tell_exif(image->exifData(), say);
        return 0;
    } catch (const std::exception &e) {
        std::snprintf(why, n_why, "%s", e.what());
    } catch (...) {
        std::snprintf(why, n_why, "libexiv2 failed");
    }
    return 1;
}

} // namespace

const adah_picture_tags adah_tags_table = {ADAH_VERSION, start, read};
