"""Who may call, what they may see, and whose credentials go upstream.

`settings` say who; `keys` and `tokens` recognise callers; `desk` makes an `Access` of a request's headers, and `guard`
asks it before any route that gives data.
"""
