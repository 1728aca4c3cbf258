"""The fast path: a layer of ours answers plain pixel requests without a mitmproxy flow.

A plain request is a complete GET or HEAD without a body, for an emulated host, that every parser
reads alike. `acceptor` accepts connections, `request_reader` parses, `write_batch` records and
answers; whatever is not plain is handed over to mitmproxy together with the rest of its connection.
"""
