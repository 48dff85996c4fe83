// Embeds report.css and report.js; they stay files that editors and browsers understand.
#include "CReportAssets.h"

static const unsigned char css[] = {
#embed "report.css"
};
static const unsigned char js[] = {
#embed "report.js"
};
const unsigned char *const CReportAssets_css = css;
const size_t CReportAssets_css_size = sizeof css;
const unsigned char *const CReportAssets_js = js;
const size_t CReportAssets_js_size = sizeof js;
