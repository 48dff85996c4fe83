// The style sheet and the script of the HTML report, embedded as bytes.
#ifndef CREPORTASSETS_H
#define CREPORTASSETS_H
#include <stddef.h>

extern const unsigned char *const CReportAssets_css;
extern const size_t CReportAssets_css_size;
extern const unsigned char *const CReportAssets_js;
extern const size_t CReportAssets_js_size;
#endif
