"""Reports to look at: self-contained HTML pages and spreadsheets about what the commands did.

- `page`: renders the templates; each page is one file without outside addresses
- `table`, `chart`, `picture`: the parts of a page
- `evaluation`, `training`, `comparison`, `measures`: the pages
- `advice`: what to try after a training, from its curves
- `measured`: the table of measures, which the csv file, the spreadsheet and the page share
- `spreadsheet`: tables as ``.xlsx``
"""
