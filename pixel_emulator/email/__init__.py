"""The e-mail door: which pixels a mail holds, and a render that lets them fire."""
