/* tags_exiv2.cpp - libexiv2's values as bytes. The only C++ of the library, since libexiv2 is. */
#include "plugins/tags/tags.h"

#include <adah/core.h>
#include <exiv2/exiv2.hpp>

#include <cstdio>
#include <cstdlib>
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

std::string exif_text(const Exiv2::ExifData &data, const char *key) {
    const auto found = data.findKey(Exiv2::ExifKey(key));
    return found == data.end() ? std::string() : found->toString();
}

void tell_exif_dates(const Exiv2::ExifData &data, const listener &say) {
    const std::string taken = exif_text(data, "Exif.Photo.DateTimeOriginal"), digitised = exif_text(data, "Exif.Photo.DateTimeDigitized");
    if (!taken.empty())
        say(ADAH_TAG_DATE_TAKEN, taken + exif_text(data, "Exif.Photo.OffsetTimeOriginal"));
    if (!digitised.empty())
        say(ADAH_TAG_DATE_DIGITISED, digitised + exif_text(data, "Exif.Photo.OffsetTimeDigitized"));
}

void tell_place(double latitude, double longitude, adah_tag tag, const listener &say) {
    char text[64];
    std::snprintf(text, sizeof text, "%.7f %.7f", latitude, longitude);
    say(tag, text);
}

/* Degrees, minutes and seconds, of which cameras leave out the last by 0/0. false: they are none. */
bool exif_degrees(const Exiv2::ExifData &data, const char *key, const char *reference_key, char negative, double most, double *degrees) {
    const auto found = data.findKey(Exiv2::ExifKey(key));
    const std::string reference = exif_text(data, reference_key);
    if (found == data.end() || found->count() < 1 || found->count() > 3)
        return false;
    *degrees = 0;
    for (long i = 0, part = 1; i < static_cast<long>(found->count()); i++, part *= 60) {
        const Exiv2::Rational value = found->toRational(i);
        if (i > 0 && value.first == 0 && value.second == 0)
            continue;
        if (value.second <= 0 || value.first < 0)
            return false;
        *degrees += static_cast<double>(value.first) / value.second / static_cast<double>(part);
    }
    if (*degrees > most)
        return false;
    if (!reference.empty() && reference[0] == negative)
        *degrees = -*degrees;
    return true;
}

void tell_exif_place(const Exiv2::ExifData &data, const listener &say) {
    double latitude, longitude;
    if (exif_degrees(data, "Exif.GPSInfo.GPSLatitude", "Exif.GPSInfo.GPSLatitudeRef", 'S', 90, &latitude) &&
        exif_degrees(data, "Exif.GPSInfo.GPSLongitude", "Exif.GPSInfo.GPSLongitudeRef", 'W', 180, &longitude))
        tell_place(latitude, longitude, ADAH_TAG_PLACE, say);
}

/* As "48,51.5N" or "48,51,30N". */
bool xmp_degrees(const std::string &text, char positive, char negative, double most, double *degrees) {
    const char *at = text.c_str();
    double part = 1;
    *degrees = 0;
    for (int i = 0; i < 3; i++, part *= 60) {
        char *end;
        const double value = std::strtod(at, &end);
        if (end == at || !(value >= 0) || !(value <= most))
            return false;
        *degrees += value / part;
        at = end;
        if (*at != ',')
            break;
        at++;
    }
    if ((*at != positive && *at != negative) || *degrees > most)
        return false;
    if (*at == negative)
        *degrees = -*degrees;
    return true;
}

std::string xmp_text(const Exiv2::XmpData &data, const char *key) {
    const auto found = data.findKey(Exiv2::XmpKey(key));
    return found == data.end() ? std::string() : found->toString();
}

void tell_xmp_taken(const Exiv2::XmpData &data, const listener &say) {
    double latitude, longitude;
    for (const char *key : {"Xmp.exif.DateTimeOriginal", "Xmp.photoshop.DateCreated", "Xmp.xmp.CreateDate"}) {
        const std::string date = xmp_text(data, key);
        if (!date.empty())
            say(ADAH_TAG_DATE_XMP, date);
    }
    if (xmp_degrees(xmp_text(data, "Xmp.exif.GPSLatitude"), 'N', 'S', 90, &latitude) &&
        xmp_degrees(xmp_text(data, "Xmp.exif.GPSLongitude"), 'E', 'W', 180, &longitude))
        tell_place(latitude, longitude, ADAH_TAG_PLACE_XMP, say);
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
        if (image->imageType() != Exiv2::ImageType::xmp) { /* there libexiv2 makes EXIF of XMP */
            tell_exif_dates(image->exifData(), say);
            tell_exif_place(image->exifData(), say);
        }
        tell_xmp_taken(image->xmpData(), say);
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
