"""A web page that runs a TFLite file; `page` holds its HTML, style sheet and JavaScript."""
