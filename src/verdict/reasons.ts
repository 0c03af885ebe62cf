// The registry of reasons: for every decision its id, the reply a client sees, and what it means to the operator.
// Reply text, log line, metric label and the reference page all come from here. Ids are stable: scripts and
// dashboards use them. `{name}` in a text is filled from the verdict's evidence; evidence never holds secrets.

export interface Reason {
  readonly code: number;
  /** RFC 3463; "" where the reply has none. */
  readonly enhanced: string;
  readonly text: string;
  /** For the operator: what happened, and what to look at. */
  readonly meaning: string;
  /** `passed-on`: somebody else's answer; code and enhanced code of the evidence, of the same class, replace those here. */
  readonly source?: "passed-on";
}

const entries = {
  "connect.welcome": { code: 220, enhanced: "", text: "{hostname} ESMTP", meaning: "The session is served." },
  "connect.capacity": {
    code: 421,
    enhanced: "4.3.2",
    text: "{hostname} too many sessions, try again later",
    meaning:
      "All sessions are open that the listener's role, or the listener, has of [smtp] sessions. The client comes back; raise the number or find " +
      "who holds them.",
  },
  "connect.uncounted": {
    code: 421,
    enhanced: "4.3.0",
    text: "{hostname} cannot count connections now, try again later",
    meaning:
      "The thread that keeps the counts does not answer. The log says why: the host is overloaded, or this is a bug.",
  },
  "connect.legacy-ended": {
    code: 554,
    enhanced: "5.7.0",
    text: "{hostname} took mail of users on this port until {until}: set port 587 (STARTTLS) or 465 (TLS), with user name and password",
    meaning:
      "The `until` of a legacy listener is over. Whoever connects has to change the settings of the mail program; the pages of [web] say how.",
  },
  "connect.substitute-ended": {
    code: 554,
    enhanced: "5.7.0",
    text: "{hostname} carried mail of other providers until {until}: set your mail provider's own server, port 587 (STARTTLS) or 465 (TLS)",
    meaning:
      "The `until` of a substitute listener is over. Whoever connects has to send through the provider of the address, or on the submission service.",
  },
  "connect.client-connections": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} too many connections from your address at once: at most {limit}",
    meaning: "The client has as many connections as [limits.client] connections allows. Own hosts belong in `exempt`.",
  },
  "connect.client-rate": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} too many connections from your address: at most {limit} in {window}",
    meaning: "The client connects more often than [limits.client] connection-rate allows.",
  },
  "connect.client-logins": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} too many failed logins from your address: at most {limit} in {window}",
    meaning:
      "Somebody at this address guesses passwords, or many people there have an old one: [limits.client] auth-failures. On an MX listener; " +
      "where people log in it is `auth.client-logins`.",
  },
  "session.timeout": {
    code: 421,
    enhanced: "4.4.2",
    text: "{hostname} timeout, closing",
    meaning: "The client was silent for [smtp] timeout.",
  },
  "session.slow": {
    code: 421,
    enhanced: "4.4.2",
    text: "{hostname} your message comes too slowly, closing",
    meaning:
      "A message came more slowly than [smtp] content-rate for longer than [smtp] content-time. It is held in memory while it comes.",
  },
  "session.shutdown": {
    code: 421,
    enhanced: "4.3.2",
    text: "{hostname} going down, try again later",
    meaning: "The server is stopping; what was answered 250 is safe.",
  },
  "session.suspended": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} the account is suspended",
    meaning:
      "The account of this session was suspended, by an operator or as [abuse] act says, or deleted. What was not answered 250 is not sent.",
  },
  "session.messages": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} enough messages in this session, open another",
    meaning: "The session used up [smtp] messages.",
  },
  "auth.accepted": { code: 235, enhanced: "2.7.0", text: "authenticated", meaning: "The password was right." },
  "auth.not-here": {
    code: 502,
    enhanced: "5.5.1",
    text: "AUTH is not offered here: submit mail on port 587 or 465",
    meaning: "A client tried to log in on the MX. It belongs on the submission service; its configuration is wrong.",
  },
  "auth.needs-tls": {
    code: 538,
    enhanced: "5.7.11",
    text: "encryption is required first: use STARTTLS",
    meaning: "A client tried to log in without TLS. Nothing it sent was looked at.",
  },
  "auth.credentials": {
    code: 535,
    enhanced: "5.7.8",
    text: "authentication credentials invalid",
    meaning: "No such account, wrong password, or suspended account: outside, nobody can tell which.",
  },
  "auth.scope": {
    code: 535,
    enhanced: "5.7.8",
    text: "this app password is for another service",
    meaning: "An app password that is right, but not for this service: `account app list` tells what it is for.",
  },
  "auth.mailbox-elsewhere": {
    code: 535,
    enhanced: "5.7.8",
    text: "login refused",
    meaning:
      "The password was right, but the mailbox is in the store of its domain ([[domain]] mailboxes): POP3 is that server's to serve. Seen " +
      "with POP3 only.",
  },
  "auth.unavailable": {
    code: 454,
    enhanced: "4.7.0",
    text: "temporary authentication failure",
    meaning: "The directory did not answer. Nobody is let in meanwhile.",
  },
  "auth.held": {
    code: 454,
    enhanced: "4.7.0",
    text: "too many failed logins, try again later",
    meaning:
      "Somebody guesses passwords: at this address or the network around it, of this account, or thinly everywhere. The password was not looked " +
      "at. Logins from addresses from which the account was opened before go on, and so do app passwords.",
  },
  "auth.client-logins": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} too many failed logins from your address: at most {limit} in {window}",
    meaning:
      "Somebody at this address guesses passwords, or many people there have an old one: [limits.client] auth-failures. The password was not " +
      "looked at. Who logged in from there before is let in, and so are app passwords.",
  },
  "auth.busy": {
    code: 454,
    enhanced: "4.7.0",
    text: "too many logins at once, try again later",
    meaning: "Too many passwords wait to be checked. Nothing was looked at; the client tries again.",
  },
  "auth.too-many": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} too many failed logins, closing",
    meaning: "[smtp] auth-failures wrong passwords in one session.",
  },
  "auth.malformed": {
    code: 501,
    enhanced: "5.5.2",
    text: "cannot decode the response",
    meaning: "The SASL response does not follow the mechanism, or is no base64.",
  },
  "auth.mechanism": {
    code: 504,
    enhanced: "5.5.4",
    text: "mechanism not offered here",
    meaning: "The client wants a mechanism that EHLO did not name; the event says which.",
  },
  "auth.cancelled": {
    code: 501,
    enhanced: "5.7.0",
    text: "authentication cancelled",
    meaning: "The client gave up in the middle of AUTH. Some do when they do not like a certificate or a challenge.",
  },
  "auth.too-long": {
    code: 500,
    enhanced: "5.5.6",
    text: "authentication exchange line is too long",
    meaning: "A SASL response is longer than 12,288 octets (RFC 4954 section 4). It was read away.",
  },
  "tls.ready": { code: 220, enhanced: "2.0.0", text: "go ahead with TLS", meaning: "STARTTLS was accepted." },
  "sender.legacy-ended": {
    code: 550,
    enhanced: "5.7.0",
    text: "{hostname} took mail of users on this port until {until}: set port 587 (STARTTLS) or 465 (TLS), with user name and password",
    meaning:
      "The `until` of a legacy listener was over before this message of a session that was open then. As `connect.legacy-ended`.",
  },
  "sender.substitute-ended": {
    code: 550,
    enhanced: "5.7.0",
    text: "{hostname} carried mail of other providers until {until}: set your mail provider's own server, port 587 (STARTTLS) or 465 (TLS)",
    meaning:
      "The `until` of a substitute listener was over before this message of a session that was open then. As `connect.substitute-ended`.",
  },
  "sender.accepted": { code: 250, enhanced: "2.1.0", text: "ok", meaning: "MAIL FROM was accepted." },
  "sender.rewritten": {
    code: 250,
    enhanced: "2.1.0",
    text: "ok, from here on the sender is <{address}>",
    meaning:
      'The account named an envelope sender that is not its own. Its plan says foreign-sender = "rewrite": its own address stands in the ' +
      "envelope, and bounces go there.",
  },
  "sender.enrolled": {
    code: 250,
    enhanced: "2.1.0",
    text: "ok",
    meaning:
      "On a substitute listener MAIL FROM named an address at a third party that the account has proved to be its own. The log says whether mail goes by " +
      "the third party's server.",
  },
  "substitute.not-enrolled": {
    code: 550,
    enhanced: "5.7.1",
    text: "<{address}> is not enrolled for your account here: ask the operator to mail a code to it, and tell him the code",
    meaning:
      "On a substitute listener MAIL FROM or an author is neither the account's nor an address that it has proved: `account substitute add`.",
  },
  "substitute.expired": {
    code: 550,
    enhanced: "5.7.1",
    text: "the proof that <{address}> is yours ended on {since}: ask the operator to mail a new code to it, and tell him the code",
    meaning:
      "Proofs hold for `[substitute] renewal`, since addresses change their owners. `account substitute add` mails a new code.",
  },
  "substitute.unfit": {
    code: 550,
    enhanced: "5.7.1",
    text: "receivers would refuse mail of {domain} from here ({words}): send it through the mail server of {domain}",
    meaning:
      "SPF and DMARC of the third party make receivers refuse what we send in its name, and no `relay` is agreed with it. It is read again every " +
      "`[substitute] reread`.",
  },
  "substitute.unread": {
    code: 451,
    enhanced: "4.4.3",
    text: "SPF and DMARC of {domain} cannot be looked up now, try again later",
    meaning:
      "DNS has not answered for longer than `[substitute] keep-verdict`, or never did. The evidence has the cause; `account substitute list` shows it too.",
  },
  "substitute.over": {
    code: 550,
    enhanced: "5.7.1",
    text: "mail of {domain} was carried here until {until}: use the mail server of {domain}, port 587 (STARTTLS) or 465 (TLS)",
    meaning: "The `until` of the `[[substitute.provider]]` is over.",
  },
  "substitute.unaligned": {
    code: 550,
    enhanced: "5.7.1",
    text: "the author <{address}> and the envelope sender <{sender}> are in different domains: use one address for both",
    meaning:
      "We do not sign for a third party, so only an envelope sender of the same domain lets its mail pass DMARC (RFC 9989 §4.4). The null sender cannot.",
  },
  "sender.needs-auth": {
    code: 530,
    enhanced: "5.7.0",
    text: "authentication required",
    meaning: "Submission without AUTH. Also local recipients need it (RFC 6409 section 4.3, RFC 5068 section 3.1).",
  },
  "sender.suspended": {
    code: 550,
    enhanced: "5.7.1",
    text: "the account is suspended",
    meaning:
      "The account was suspended while this session logged in, or by a program that cannot end sessions. Nothing of it is sent.",
  },
  "sender.login-ended": {
    code: 421,
    enhanced: "4.7.0",
    text: "{hostname} the password was changed or revoked, log in again",
    meaning:
      "The password, or the app password, with which this session had logged in is not valid any more, or the account was deleted.",
  },
  "sender.not-owned": {
    code: 550,
    enhanced: "5.7.1",
    text: "<{sender}> does not belong to the account that logged in",
    meaning:
      "The account tried an envelope sender that is not its own: no address or alias of it, and nobody allowed it (`account sender add`).",
  },
  "sender.size": {
    code: 552,
    enhanced: "5.3.4",
    text: "message too large: at most {limit} octets",
    meaning: "The client announced a size above [smtp] message-size.",
  },
  "sender.bytes-never": {
    code: 552,
    enhanced: "5.3.4",
    text: "message too large for your account: at most {limit} octets in {window}",
    meaning:
      "The client announced a size that is more than the whole of a `bytes` limit of its account: it will never fit.",
  },
  "sender.bytes-limit": {
    code: 452,
    enhanced: "4.7.1",
    text: "size limit reached: {used} octets of {limit} in {window}, again from {reset}",
    meaning: "The client announced a size for which the `bytes` limit of its account has no room now (RFC 1870).",
  },
  "sender.bytes-limit-refused": {
    code: 550,
    enhanced: "5.7.1",
    text: "size limit reached: {used} octets of {limit} in {window}, again from {reset}",
    meaning: 'The same as `sender.bytes-limit`, where over = "reject" says so: the user is told at once.',
  },
  "sender.no-space": {
    code: 452,
    enhanced: "4.3.1",
    text: "insufficient system storage, try again later",
    meaning: "Free space where the state lives is below [smtp] free-space.",
  },
  "sender.client-rate": {
    code: 450,
    enhanced: "4.7.1",
    text: "too many messages from your address: {used} of {limit} in {window}, again from {reset}",
    meaning: "The client sends more than [limits.client] messages allows.",
  },
  "sender.spool-full": {
    code: 452,
    enhanced: "4.3.1",
    text: "too much mail waits here, try again later",
    meaning:
      "The spool holds more than [smtp] spool-size: mail comes in faster than it goes out. Look at `queue list` for what does not move.",
  },
  "recipient.local": { code: 250, enhanced: "2.1.5", text: "ok", meaning: "A mailbox or alias here takes it." },
  "recipient.role": {
    code: 250,
    enhanced: "2.1.5",
    text: "ok",
    meaning: "postmaster, abuse or hostmaster: always taken (RFC 2142, RFC 5321 section 4.5.1).",
  },
  "recipient.relayed": {
    code: 250,
    enhanced: "2.1.5",
    text: "ok",
    meaning: "An authenticated account sends to another network; the recipient is counted.",
  },
  "recipient.stored": {
    code: 250,
    enhanced: "2.1.5",
    text: "ok",
    meaning: "The domain's mailbox store ([[domain]] mailboxes) takes mail for the address.",
  },
  "recipient.store-refused": {
    code: 550,
    enhanced: "5.2.0",
    text: "<{recipient}> {answer}",
    meaning: "The domain's mailbox store refuses the address for good; code and words are its own.",
    source: "passed-on",
  },
  "recipient.store-deferred": {
    code: 450,
    enhanced: "4.2.0",
    text: "<{recipient}> {answer}",
    meaning:
      "The domain's mailbox store refuses the address for now, a full mailbox for instance; code and words are its own. " +
      "A store that does not answer at all is `internal.unknown`.",
    source: "passed-on",
  },
  "recipient.no-relay": {
    code: 550,
    enhanced: "5.7.1",
    text: "relaying denied: <{recipient}> is not local",
    meaning: "A stranger asked to have mail carried elsewhere. Never done.",
  },
  "recipient.unknown": {
    code: 550,
    enhanced: "5.1.1",
    text: "<{recipient}> no such mailbox here",
    meaning: "The domain is ours, the mailbox does not exist. Many of these from one source is harvesting.",
  },
  "recipient.suspended": {
    code: 450,
    enhanced: "4.2.1",
    text: "<{recipient}> mailbox is disabled for now",
    meaning: "The account is suspended; mail for it waits at the sender.",
  },
  "recipient.client-rate": {
    code: 450,
    enhanced: "4.7.1",
    text: "too many recipients from your address: {used} of {limit} in {window}, again from {reset}",
    meaning: "The client names more recipients than [limits.client] recipients allows, refused ones included.",
  },
  "recipient.full": {
    code: 452,
    enhanced: "4.2.2",
    text: "<{recipient}> mailbox is full",
    meaning:
      "The mailbox holds as much as [mailbox] quota allows. Role addresses are taken all the same. The sender's server tries again.",
  },
  "recipient.limit": {
    code: 450,
    enhanced: "4.7.1",
    text: "recipient limit reached: {used} of {limit} in {window}, again from {reset}",
    meaning: "The account's quota for this window is used up. Recipients accepted before are delivered.",
  },
  "recipient.limit-refused": {
    code: 550,
    enhanced: "5.7.1",
    text: "recipient limit reached: {used} of {limit} in {window}, again from {reset}",
    meaning: 'The same as `recipient.limit`, where over = "reject" says so: the user is told at once.',
  },
  "recipient.limit-held": {
    code: 250,
    enhanced: "2.1.5",
    text: "ok, will be held: recipient limit reached, {used} of {limit} in {window}",
    meaning:
      'The account\'s quota for this window is used up, and over = "hold" takes mail beyond it. `queue list --state held` shows it, `queue release` or ' +
      "`queue return` ends the hold.",
  },
  "recipient.new-limit": {
    code: 450,
    enhanced: "4.7.1",
    text: "limit of new recipients reached: {used} of {limit} in {window}, again from {reset}",
    meaning:
      "The account has written to as many people it did not know as its plan allows in this window. Whom it wrote to before it still reaches. " +
      "Many of these from one account are the sign of a stolen password.",
  },
  "recipient.new-limit-refused": {
    code: 550,
    enhanced: "5.7.1",
    text: "limit of new recipients reached: {used} of {limit} in {window}, again from {reset}",
    meaning: 'The same as `recipient.new-limit`, where over = "reject" says so: the user is told at once.',
  },
  "recipient.new-limit-held": {
    code: 250,
    enhanced: "2.1.5",
    text: "ok, will be held: limit of new recipients reached, {used} of {limit} in {window}",
    meaning: "As `recipient.limit-held`, beyond `new-recipients`.",
  },
  "recipient.domain-limit": {
    code: 450,
    enhanced: "4.7.1",
    text: "recipient limit of your domain reached: {used} of {limit} in {window}, again from {reset}",
    meaning: "All accounts of the domain together have used up [limits.domain] recipients.",
  },
  "recipient.slowed": {
    code: 450,
    enhanced: "4.7.1",
    text: "your account is slowed down, somebody else may be using it: {used} of {limit} recipients in {window}, again from {reset}",
    meaning:
      "[abuse] act allows to slow an account whose traffic is not like its own history, and this one's score asks for it: one RCPT in two " +
      "minutes, whoever sends; ten in ten minutes where its mail is held. All others get this reply, whoever they name. `sekimori abuse show` has the evidence, `abuse clear` ends it; by itself it ends a day after the last sign.",
  },
  "recipient.attempts": {
    code: 450,
    enhanced: "4.7.1",
    text: "too many recipients tried: {used} of {limit} in {window}, again from {reset}",
    meaning:
      "The account has tried too many recipients, refused ones included: nobody may use the submission service to test addresses.",
  },
  "recipient.count": {
    code: 452,
    enhanced: "4.5.3",
    text: "too many recipients: at most {limit} in one message, send the rest in another",
    meaning: "[smtp] recipients reached (RFC 5321 section 4.5.3.1.10).",
  },
  "data.go-ahead": {
    code: 354,
    enhanced: "",
    text: "go ahead, end with <CRLF>.<CRLF>",
    meaning: "Content is awaited.",
  },
  "data.limit": {
    code: 450,
    enhanced: "4.7.1",
    text: "message limit reached: {used} of {limit} in {window}, again from {reset}",
    meaning: "The account has sent as many messages as its plan allows in this window.",
  },
  "data.limit-refused": {
    code: 550,
    enhanced: "5.7.1",
    text: "message limit reached: {used} of {limit} in {window}, again from {reset}",
    meaning: 'The same as `data.limit`, where over = "reject" says so: the user is told at once.',
  },
  "data.limit-held": {
    code: 354,
    enhanced: "",
    text: "go ahead, end with <CRLF>.<CRLF>",
    meaning: "As `recipient.limit-held`, beyond `messages`: all of the message is held.",
  },
  "data.memory": {
    code: 452,
    enhanced: "4.3.1",
    text: "too much mail on its way in, try again later",
    meaning:
      "The content of open transactions exceeds what the listener's role, or the listener, has of [smtp] content-memory.",
  },
  "message.queued": {
    code: 250,
    enhanced: "2.0.0",
    text: "queued as {id}",
    meaning: "The message is on disk, synced. From here on it is ours.",
  },
  "message.bytes-never": {
    code: 552,
    enhanced: "5.3.4",
    text: "message too large for your account: at most {limit} octets in {window}",
    meaning:
      "The message is more than the whole of a `bytes` limit of its account: it will never fit, and its client had not announced its size.",
  },
  "message.bytes-limit": {
    code: 450,
    enhanced: "4.7.1",
    text: "size limit reached: {used} octets of {limit} in {window}, again from {reset}",
    meaning: "With this message the account would have sent more octets in this window than its plan allows.",
  },
  "message.bytes-limit-refused": {
    code: 550,
    enhanced: "5.7.1",
    text: "size limit reached: {used} octets of {limit} in {window}, again from {reset}",
    meaning: 'The same as `message.bytes-limit`, where over = "reject" says so: the user is told at once.',
  },
  "message.bytes-limit-held": {
    code: 250,
    enhanced: "2.0.0",
    text: "ok, will be held: size limit reached, {used} octets of {limit} in {window}",
    meaning: "As `recipient.limit-held`, beyond `bytes`: all of the message is held.",
  },
  "message.held": {
    code: 250,
    enhanced: "2.0.0",
    text: "queued as {id}, {held} of {recipients} recipients held for review",
    meaning:
      "The message is on disk, and what is beyond a limit of the account waits for an operator; all of it where somebody else may be using " +
      "the account ([abuse] act).",
  },
  "message.spool-failed": {
    code: 451,
    enhanced: "4.3.0",
    text: "could not be stored, try again later",
    meaning: "The spool could not be written or synced; look for spool.failed in the log.",
  },
  "message.store-refused": {
    code: 554,
    enhanced: "5.2.0",
    text: "<{recipient}> {answer}",
    meaning:
      "The domain's mailbox store refused the message for every recipient after it had read it; code and words are its own. The sending " +
      "server tells its user, and nothing is kept here.",
    source: "passed-on",
  },
  "message.store-deferred": {
    code: 450,
    enhanced: "4.2.0",
    text: "<{recipient}> {answer}",
    meaning:
      "The domain's mailbox store refused the message for now for every recipient, after it had read it; code and words are its own. " +
      "The sending server keeps it and tries again.",
    source: "passed-on",
  },
  "message.malformed": {
    code: 554,
    enhanced: "5.6.0",
    text: "malformed message: {defect}",
    meaning: "The header section cannot be read.",
  },
  "message.author": {
    code: 550,
    enhanced: "5.7.1",
    text: "{field} <{author}> does not belong to the account that logged in",
    meaning:
      "A mailbox in From, Sender, Resent-From or Resent-Sender is not the account's, and its plan refuses that (`foreign-sender`). An " +
      "alias, or `account sender add`, makes it so.",
  },
  "message.author-unreadable": {
    code: 554,
    enhanced: "5.6.0",
    text: "the author fields cannot be read: {defect}",
    meaning:
      "From, Sender or a Resent- field does not parse, is missing or stands twice; whose message it is cannot be said.",
  },
  "message.loop": {
    code: 554,
    enhanced: "5.4.6",
    text: "too many hops: {hops} Received fields",
    meaning: "The message runs in circles (RFC 5321 section 6.3).",
  },
  "message.passed-before": {
    code: 554,
    enhanced: "5.4.6",
    text: "mail loop: this message was here {count} times before for <{recipient}>",
    meaning:
      "Received fields of this host or Delivered-To fields name the same recipient twice or more. Some forwarding leads back here; look at the message's other Received fields for where.",
  },
  "internal.unknown": {
    code: 451,
    enhanced: "4.3.0",
    text: "temporary local problem, try again later",
    meaning: "Something needed for the decision was not available; the cause is in the log. Unknown is never a yes.",
  },
} as const satisfies Readonly<Record<string, Reason>>;

export type ReasonId = keyof typeof entries;

export const reasons: Readonly<Record<ReasonId, Reason>> = entries;
