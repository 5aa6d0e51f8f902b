# The libraries that libadah stands on: for its own build, and for programs that link it statically.
# Sets ADAH_DEPENDENCIES, ADAH_PICTURE_DEPENDENCIES, ADAH_MATLAB_DEPENDENCIES, ADAH_ALGEBRA_DEPENDENCIES, ADAH_TAGS_DEPENDENCIES (targets to link),
# ADAH_PKG_CONFIG_MODULES.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
pkg_check_modules(VIPS REQUIRED IMPORTED_TARGET vips>=8.14)
pkg_check_modules(RSVG REQUIRED IMPORTED_TARGET librsvg-2.0>=2.50)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat>=2.4)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc icu-i18n)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)
pkg_check_modules(MATIO REQUIRED IMPORTED_TARGET matio>=1.5)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(LAPACKE REQUIRED IMPORTED_TARGET lapacke)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
set(ADAH_PKG_CONFIG_MODULES vips librsvg-2.0 libjpeg expat icu-uc icu-i18n jansson libxxhash matio lapacke openblas)

# One that may be missing: what people wrote into their pictures is not read then.
pkg_check_modules(EXIV2 IMPORTED_TARGET exiv2>=0.27)
if(EXIV2_FOUND)
  set(ADAH_TAGS_DEPENDENCIES PkgConfig::EXIV2 stdc++)
  list(APPEND ADAH_PKG_CONFIG_MODULES exiv2)
endif()

# Two that have no pkg-config file.
foreach(pair dnnl:dnnl.h stemmer:libstemmer.h)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 header)
  string(TOUPPER ${name} upper)
  find_library(${upper}_LIBRARY ${name} REQUIRED)
  find_path(${upper}_INCLUDE_DIR ${header} REQUIRED)
  if(NOT TARGET adah::${name})
    add_library(adah::${name} UNKNOWN IMPORTED)
    set_target_properties(adah::${name} PROPERTIES IMPORTED_LOCATION ${${upper}_LIBRARY}
                          INTERFACE_INCLUDE_DIRECTORIES ${${upper}_INCLUDE_DIR})
  endif()
endforeach()

# For the command alone: what serves HTTP.
if(NOT ADAH_LIBRARY_ALONE)
  find_package(Threads REQUIRED)
  pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.75)
endif()

set(ADAH_PICTURE_DEPENDENCIES PkgConfig::VIPS PkgConfig::RSVG)
set(ADAH_MATLAB_DEPENDENCIES PkgConfig::MATIO)
set(ADAH_ALGEBRA_DEPENDENCIES PkgConfig::LAPACKE PkgConfig::OPENBLAS)
set(ADAH_DEPENDENCIES adah::dnnl adah::stemmer PkgConfig::JPEG PkgConfig::EXPAT PkgConfig::ICU
    PkgConfig::JANSSON PkgConfig::XXHASH OpenMP::OpenMP_C m)
