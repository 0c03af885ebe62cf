// Every line with which the server answers, in one place. Texts are plain and stable; the response codes in
// brackets are those of RFC 2449 §8 and RFC 3206. A refused login has one text, whatever was wrong with it.

export const replies = {
  secure: "+OK Begin TLS negotiation now",
  user: "+OK Send the password",
  loggedIn: "+OK Logged in",
  done: "+OK",
  goodbye: "+OK Bye",
  capabilities: "+OK Capability list follows",
  mechanisms: "+OK Mechanisms follow",
  topFollows: "+OK Top of message follows",
  listFollows: "+OK Unique-id listing follows",

  unknownCommand: "-ERR Unknown command",
  badArguments: "-ERR Invalid arguments",
  wrongState: "-ERR Not now",
  noSuchMessage: "-ERR No such message",
  messageGone: "-ERR [SYS/TEMP] The message is not there any more",
  tlsNotOffered: "-ERR TLS is not offered here or in use already",
  // RFC 3206 §5 counts an attempt against policy as AUTH; Dovecot answers alike.
  tlsFirst: "-ERR [AUTH] A login needs TLS first: use STLS or port 995",
  apop: "-ERR APOP is not offered: it rests on MD5 and needs stored plaintext passwords; use USER and PASS inside TLS",
  unknownMechanism: "-ERR Unknown authentication mechanism",
  badBase64: "-ERR Invalid base64",
  badExchange: "-ERR Invalid authentication message",
  cancelled: "-ERR Authentication cancelled",
  refused: "-ERR [AUTH] Login refused",
  unavailable: "-ERR [SYS/TEMP] Login is not possible now, try again later",
  inUse: "-ERR [IN-USE] Another session has the mailbox",
  notRemoved: "-ERR [SYS/TEMP] Some deleted messages were not removed",
  bareLineEnd: "-ERR Lines end with CRLF",
  lineTooLong: "-ERR Line too long",
  tooManyErrors: "-ERR Too many errors",
  tooMany: "-ERR [SYS/TEMP] Too many connections or failed logins from your address, try again later",
  suspended: "-ERR [SYS/PERM] The account is suspended",
  shutdown: "-ERR [SYS/TEMP] The server is shutting down",
} as const;
