"""The fast path: plain pixel requests are answered by a layer of ours, without a mitmproxy flow."""
