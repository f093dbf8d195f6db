"""The runs of all providers as one list: `feed` merges, `sources` read one provider each, `cursors` remember where.

`filters` divides a filter between provider and gateway, `segments` orders what was read, `rows` fetches the parts that
rows lack, `streams` walks everything for reports and exports.
"""
