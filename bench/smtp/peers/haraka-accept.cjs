// Plugin for Haraka in the benchmark: everybody may relay every recipient, no names are looked up, and next hops come from
// config/routes.json, by domain or else under "".
"use strict";

exports.register = function () {
  this.routes = this.config.get("routes.json");
  this.register_hook("lookup_rdns", "rdns");
  this.register_hook("connect", "relay");
  this.register_hook("rcpt", "recipient");
  this.register_hook("get_mx", "exchange");
};
exports.rdns = (next) => next(OK, "localhost");
exports.relay = (next, connection) => {
  connection.relaying = true;
  next();
};
exports.recipient = (next) => next(OK);
exports.exchange = function (next, _mail, domain) {
  const { address, port } = this.routes[domain] ?? this.routes[""];
  next(OK, { priority: 0, exchange: address, port });
};
