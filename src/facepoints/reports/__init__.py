"""Reports to look at: self-contained HTML pages and spreadsheets about what the commands did.

- `page`: renders the templates; each page is one file without outside addresses
- `table`, `chart`, `bar_chart`, `picture`, `face_map`: the parts of a page
- `evaluation`, `training`, `comparison`, `measures`, `audit`, `disagreement`: the pages
- `audit_list`, `audit_pictures`, `audit_proof`: what the page of an audit shows
- `measured_face`, `measured_people`, `kept_faces`: what the page of measures shows
- `labeled_faces`, `reliability`: what the page of an evaluation shows
- `advice`: what to try after a training, from its curves
- `dictionary`: the columns of the table of measures, in words
- `spreadsheet`: tables as ``.xlsx``
"""
