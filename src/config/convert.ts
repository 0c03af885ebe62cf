// The two forms of a checked configuration: as it is written (keys of the file) and as the house uses it
// (Settings). Both ways stand here side by side, so that whatever is read can be shown.

import { join } from "node:path";
import type { Address } from "../address/address.ts";
import type { Configuration } from "./schema.ts";
import { hiddenSecret } from "./secret.ts";
import { formatVersion } from "./schema.ts";
import type {
  DomainSettings,
  ListenerRole,
  ListenerTls,
  PlanSettings,
  RouteTarget,
  Settings,
  StoreSettings,
  SubstituteSettings,
  TlsSettings,
  WindowSettings,
} from "./settings.ts";

type WrittenTarget = NonNullable<Configuration["delivery"]["smarthost"]>;
type WrittenDomain = Configuration["domain"][number];

export function toSettings(configuration: Configuration): Settings {
  const state = configuration["state-directory"];
  const { log, http, web, dovecot, tls, smtp, mailbox, limits, delivery, dns } = configuration;
  const { user, group } = configuration.process;
  const standard = toStandard(configuration);
  return {
    version: formatVersion,
    hostname: configuration.hostname,
    state,
    process: user === undefined ? undefined : { user, group: group ?? user },
    mailThreads: configuration.process["mail-threads"],
    log: { level: log.level, directory: log.directory ?? join(state, "log"), stdout: log.stdout },
    retention: configuration.retention,
    abuse: {
      act: configuration.abuse.act,
      clause: configuration.abuse.clause,
      help: configuration.abuse.help,
      countries: configuration.abuse.countries,
    },
    http: {
      listen: http.listen,
      tls: http.tls,
      clearText: http["clear-text"],
      names: http.names,
      tokens: http.token,
    },
    web: {
      listen: web.listen,
      tls: web.tls,
      forwardedBy: web["forwarded-by"],
      outsideHosts: web["outside-hosts"],
      mtaSts: web["mta-sts"],
    },
    dovecot: {
      listen: dovecot.listen,
      tls: dovecot.tls,
      clearText: dovecot["clear-text"],
      token: dovecot.token,
      users: dovecot.users,
      doveadm: dovecot.doveadm,
    },
    tls: toTls(tls, state),
    domains: configuration.domain.map((domain) => toDomain(domain, state)),
    listeners: configuration.listener.map((listener) => ({
      role: listener.role,
      endpoints: listener.listen,
      tls: listenerTlsOf(listener),
      mechanisms: listener.role === "mx" ? [] : (listener.mechanisms ?? usualMechanisms),
      proxies: listener.proxy,
      ...(listener.sessions === undefined ? {} : { sessions: listener.sessions }),
      ...(listener["content-memory"] === undefined ? {} : { contentMemory: listener["content-memory"] }),
      ...(listener.role === "legacy" ? { legacy: { until: listener.until, visits: listener["pop-before-smtp"] } } : {}),
      ...(listener.role === "substitute" && listener.until !== undefined
        ? { substitute: { until: listener.until } }
        : {}),
    })),
    smtp: {
      messageSize: smtp["message-size"],
      recipients: smtp.recipients,
      errors: smtp.errors,
      authFailures: smtp["auth-failures"],
      messages: smtp.messages,
      timeout: smtp.timeout,
      contentRate: smtp["content-rate"],
      contentTime: smtp["content-time"],
      sessions: smtp.sessions,
      contentMemory: smtp["content-memory"],
      freeSpace: smtp["free-space"],
      spoolSize: smtp["spool-size"] ?? Number.POSITIVE_INFINITY,
    },
    mailbox: { quota: mailbox.quota },
    limits: {
      standard,
      plans: new Map(configuration.plan.map((plan) => [plan.name, toPlan(plan, standard)])),
      domain: limits.domain.recipients,
      domainRamp: { length: limits.domain["new-for"], share: limits.domain["new-share"] },
      client: {
        connections: limits.client.connections,
        connectionRate: limits.client["connection-rate"],
        messages: limits.client.messages,
        recipients: limits.client.recipients,
        authFailures: limits.client["auth-failures"],
        fail: limits.client.fail,
        exempt: limits.client.exempt,
      },
    },
    delivery: {
      smarthost: delivery.smarthost === undefined ? undefined : toTarget(delivery.smarthost),
      routes: new Map(configuration.route.map((route) => [route.domain, toTarget(route)])),
      retry: delivery.retry,
      giveUp: delivery["give-up"],
      delayNotice: delivery["delay-notice"],
      paused: delivery.paused,
      connectionsPerDestination: delivery["connections-per-destination"],
      connections: delivery.connections,
      tls: delivery.tls,
      port: delivery.port,
      messagesPerConnection: delivery["messages-per-connection"],
      sources: configuration.egress,
      destinations: configuration.destination.map((rule) => ({
        domains: rule.domains,
        exchangers: rule.exchangers,
        connections: rule.connections ?? delivery["connections-per-destination"],
        messagesPerConnection: rule["messages-per-connection"] ?? delivery["messages-per-connection"],
        rate: rule.rate,
      })),
    },
    substitute: toSubstitute(configuration),
    dns,
    network: configuration.network,
  };
}

/** Everything spelt out, with secrets hidden. */
export function fromSettings(settings: Settings): Configuration {
  const { log, http, web, dovecot, tls, smtp, mailbox, limits, delivery, dns } = settings;
  return {
    version: settings.version,
    hostname: settings.hostname,
    "state-directory": settings.state,
    include: [],
    process: {
      user: settings.process?.user,
      group: settings.process?.group,
      "mail-threads": settings.mailThreads,
    },
    log,
    retention: settings.retention,
    abuse: settings.abuse,
    http: {
      listen: http.listen,
      tls: http.tls,
      "clear-text": http.clearText,
      names: http.names,
      token: http.tokens.map(({ name, rights }) => ({ name, secret: hiddenSecret, rights })),
    },
    web: {
      listen: web.listen,
      tls: web.tls,
      "forwarded-by": web.forwardedBy,
      "outside-hosts": web.outsideHosts,
      "mta-sts": web.mtaSts,
    },
    dovecot: {
      listen: dovecot.listen,
      tls: dovecot.tls,
      "clear-text": dovecot.clearText,
      token: dovecot.token === undefined ? undefined : hiddenSecret,
      users: dovecot.users,
      doveadm: dovecot.doveadm === undefined ? undefined : { ...dovecot.doveadm, key: hiddenSecret },
    },
    tls: {
      certificate: tls.kind === "files" ? tls.certificate : undefined,
      key: tls.kind === "files" ? tls.key : undefined,
      "next-key": tls.kind === "files" ? tls.nextKey : undefined,
    },
    domain: settings.domains.map((domain) => ({
      name: domain.name,
      postmaster: domain.postmaster,
      since: domain.since,
      aliases: domain.aliases,
      mailboxes: domain.store === undefined ? undefined : fromStore(domain.store),
      dkim: domain.dkim === undefined ? undefined : { selector: domain.dkim.selector, key: domain.dkim.keyFile },
    })),
    listener: settings.listeners.map(
      ({ role, endpoints, tls: how, mechanisms, proxies, legacy, substitute, ...own }) => ({
        role,
        listen: endpoints,
        tls: how,
        mechanisms: role === "mx" ? undefined : mechanisms,
        proxy: proxies,
        until: legacy?.until ?? substitute?.until,
        "pop-before-smtp": legacy?.visits,
        sessions: own.sessions,
        "content-memory": own.contentMemory,
      }),
    ),
    smtp: {
      "message-size": smtp.messageSize,
      recipients: smtp.recipients,
      errors: smtp.errors,
      "auth-failures": smtp.authFailures,
      messages: smtp.messages,
      timeout: smtp.timeout,
      "content-rate": smtp.contentRate,
      "content-time": smtp.contentTime,
      sessions: smtp.sessions,
      "content-memory": smtp.contentMemory,
      "free-space": smtp.freeSpace,
      "spool-size": Number.isFinite(smtp.spoolSize) ? smtp.spoolSize : undefined,
    },
    mailbox,
    limits: {
      account: fromPlan(limits.standard),
      domain: {
        recipients: limits.domain,
        "new-for": limits.domainRamp.length,
        "new-share": limits.domainRamp.share,
      },
      client: {
        connections: limits.client.connections,
        "connection-rate": limits.client.connectionRate,
        messages: limits.client.messages,
        recipients: limits.client.recipients,
        "auth-failures": limits.client.authFailures,
        fail: limits.client.fail,
        exempt: limits.client.exempt,
      },
    },
    delivery: {
      smarthost: delivery.smarthost === undefined ? undefined : fromTarget(delivery.smarthost),
      retry: delivery.retry,
      "give-up": delivery.giveUp,
      "delay-notice": delivery.delayNotice,
      paused: delivery.paused,
      "connections-per-destination": delivery.connectionsPerDestination,
      connections: delivery.connections,
      tls: delivery.tls,
      port: delivery.port,
      "messages-per-connection": delivery.messagesPerConnection,
    },
    egress: delivery.sources,
    destination: delivery.destinations.map(({ messagesPerConnection, ...rule }) => ({
      ...rule,
      "messages-per-connection": messagesPerConnection,
    })),
    plan: [...limits.plans].map(([name, plan]) => ({ name, ...fromPlan(plan) })),
    route: [...delivery.routes].map(([domain, target]) => ({ domain, ...fromTarget(target) })),
    substitute: fromSubstitute(settings.substitute),
    dns,
    network: settings.network,
  };
}

const usualMechanisms = ["scram-sha-256", "plain", "login"] as const;

/** POP3 clients begin with TLS (RFC 8314 §3.2), SMTP begins in clear and changes. */
export function listenerTlsOf(listener: {
  readonly role: ListenerRole;
  readonly tls: ListenerTls | undefined;
}): ListenerTls {
  return listener.tls ?? (listener.role === "pop3" ? "implicit" : "starttls");
}

function toSubstitute({ substitute, egress }: Configuration): SubstituteSettings {
  return {
    sendsFrom: substitute["sends-from"] ?? egress.flatMap(({ addresses }) => addresses),
    codeLife: substitute["code-life"],
    codePage: substitute["code-page"],
    codes: substitute.codes,
    renewal: substitute.renewal,
    remind: substitute.remind,
    reread: substitute.reread,
    keepVerdict: substitute["keep-verdict"],
    providers: substitute.provider.map(({ domains, relay, until }) => ({
      domains,
      relay:
        relay === undefined
          ? undefined
          : {
              host: relay.host,
              port: relay.port,
              tls: relay.tls,
              protocol: "smtp",
              auth: undefined,
              ...(relay.egress === undefined ? {} : { egress: relay.egress }),
            },
      until,
    })),
  };
}

function fromSubstitute(settings: SubstituteSettings): Configuration["substitute"] {
  return {
    "sends-from": settings.sendsFrom,
    "code-life": settings.codeLife,
    "code-page": settings.codePage,
    codes: settings.codes,
    renewal: settings.renewal,
    remind: settings.remind,
    reread: settings.reread,
    "keep-verdict": settings.keepVerdict,
    provider: settings.providers.map(({ domains, relay, until }) => ({
      domains,
      relay:
        relay === undefined ? undefined : { host: relay.host, port: relay.port, tls: relay.tls, egress: relay.egress },
      until,
    })),
  };
}

function toStandard({ limits: { account }, smtp }: Configuration): PlanSettings {
  return {
    recipients: account.recipients,
    attempts: account.attempts ?? account.recipients.map(twice),
    messages: account.messages,
    newRecipients: account["new-recipients"],
    bytes: account.bytes,
    recipientsPerMessage: account["recipients-per-message"] ?? smtp.recipients,
    over: account.over,
    foreignSender: account["foreign-sender"],
    contentChecks: account["content-checks"],
    identityHeader: account["identity-header"],
    ramp: { length: account["new-for"], share: account["new-share"] },
  };
}

function toPlan(plan: Configuration["plan"][number], standard: PlanSettings): PlanSettings {
  return {
    recipients: plan.recipients ?? standard.recipients,
    attempts: plan.attempts ?? plan.recipients?.map(twice) ?? standard.attempts,
    messages: plan.messages ?? standard.messages,
    newRecipients: plan["new-recipients"] ?? standard.newRecipients,
    bytes: plan.bytes ?? standard.bytes,
    recipientsPerMessage: plan["recipients-per-message"] ?? standard.recipientsPerMessage,
    over: plan.over ?? standard.over,
    foreignSender: plan["foreign-sender"] ?? standard.foreignSender,
    contentChecks: plan["content-checks"] ?? standard.contentChecks,
    identityHeader: plan["identity-header"] ?? standard.identityHeader,
    ramp: { length: plan["new-for"] ?? standard.ramp.length, share: plan["new-share"] ?? standard.ramp.share },
  };
}

function fromPlan(plan: PlanSettings) {
  const { recipients, attempts, messages, newRecipients, bytes, recipientsPerMessage, over } = plan;
  const { foreignSender, identityHeader, contentChecks, ramp } = plan;
  return {
    recipients,
    attempts,
    messages,
    "new-recipients": newRecipients,
    bytes,
    "recipients-per-message": recipientsPerMessage,
    over,
    "foreign-sender": foreignSender,
    "content-checks": contentChecks,
    "identity-header": identityHeader,
    "new-for": ramp.length,
    "new-share": ramp.share,
  };
}

function twice(window: WindowSettings): WindowSettings {
  return { ...window, recipients: 2 * window.recipients };
}

function toTls({ certificate, key, "next-key": nextKey }: Configuration["tls"], state: string): TlsSettings {
  if (certificate === undefined || key === undefined) return { kind: "self-signed", directory: join(state, "tls") };
  return { kind: "files", certificate, key, nextKey };
}

function toDomain(domain: WrittenDomain, state: string): DomainSettings {
  const { name, postmaster, dkim } = domain;
  const contract = domain.since === undefined ? {} : { since: domain.since };
  const aliases: ReadonlyMap<string, readonly Address[]> = domain.aliases;
  const store = domain.mailboxes === undefined ? undefined : toStore(domain.mailboxes);
  if (dkim === undefined) return { name, postmaster, ...contract, aliases, store, dkim };
  const { selector } = dkim;
  return {
    name,
    postmaster,
    ...contract,
    aliases,
    store,
    dkim: { selector, keyFile: dkim.key ?? join(state, "dkim", `${name}.${selector}.pem`) },
  };
}

function toStore({
  lmtp,
  imap,
  "answer-within": answerWithin,
}: NonNullable<WrittenDomain["mailboxes"]>): StoreSettings {
  const common = { protocol: "lmtp", auth: undefined } as const;
  return {
    target:
      "path" in lmtp
        ? { ...common, host: lmtp.path, port: 0, tls: "never" }
        : { ...common, host: lmtp.address, port: lmtp.port, tls: "opportunistic" },
    imap,
    answerWithin,
  };
}

function fromStore({
  target: { host, port },
  imap,
  answerWithin,
}: StoreSettings): NonNullable<WrittenDomain["mailboxes"]> {
  return {
    lmtp: host.startsWith("/") ? { path: host } : { address: host, port },
    imap,
    "answer-within": answerWithin,
  };
}

function toTarget(written: WrittenTarget): RouteTarget {
  const { host, port, protocol, tls, username, password, mechanism, egress } = written;
  const auth =
    username === undefined || password === undefined
      ? undefined
      : { username, password, ...(mechanism === "plain" ? { mechanism } : {}) };
  return {
    host,
    port: port ?? (protocol === "lmtp" ? 24 : auth === undefined ? 25 : 587),
    protocol,
    tls: tls ?? (auth === undefined ? "opportunistic" : "required"),
    auth,
    ...(egress === undefined ? {} : { egress }),
  };
}

function fromTarget({ host, port, protocol, tls, auth, egress }: RouteTarget): WrittenTarget {
  return {
    host,
    port,
    protocol,
    tls,
    username: auth?.username,
    password: auth === undefined ? undefined : hiddenSecret,
    mechanism: auth?.mechanism ?? "strongest",
    egress,
  };
}
