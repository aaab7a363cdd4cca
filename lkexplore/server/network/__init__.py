"""Bad networks on demand: how packets get lost or late between the server and a client."""
