"""The page in the browser, the REST service, and the server of both."""
