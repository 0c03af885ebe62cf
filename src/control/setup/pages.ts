// The pages for users: what to enter, how to do so in each mail program, what a company firewall should let out, and which ports a line
// has. Made from the offer, so that nothing is promised that is not there.

import { html, page } from "./html.ts";
import type { Html, HtmlPart } from "./html.ts";
import { profileServices } from "./mobileconfig.ts";
import { announceable, incomingOf, withLogin } from "./offer.ts";
import type { LoginKind, Offer, Service } from "./offer.ts";
import { powershellTest, shellTest } from "./ports.ts";
import type { PortTest } from "./ports.ts";
import { clientNames, clients, texts } from "./texts.ts";
import type { Client, Language } from "./texts.ts";

/** `more`: paths and titles of pages that are not for everybody. */
export function settingsPage(
  offer: Offer,
  language: Language,
  more: readonly { readonly path: string; readonly title: string }[],
): string {
  const text = texts[language];
  return page(
    language,
    `${text.settings}: ${offer.domain}`,
    html`${otherLanguage(language, "/")} ${table(offer, language)}
      <p>${text.why}</p>
      ${
        profileServices(offer) !== undefined
          ? html`<form action="/email.mobileconfig" method="get">
              <p>${text.profile}</p>
              <p>
                <label>${text.address} <input type="email" name="email" required /></label>
                <button>${text.profileButton}</button>
              </p>
            </form>`
          : ""
      }
      <h2>${text.setUp}</h2>
      <ul>
        ${clients.map((client) => html`<li><a href="/setup/${client}?lang=${language}">${clientNames[client]}</a></li>`)}
      </ul>
      <ul>
        <li><a href="/ports?lang=${language}">${text.ports}</a></li>
        <li><a href="/firewall?lang=${language}">${text.firewall}</a></li>
        ${more.map(({ path, title }) => html`<li><a href="${path}?lang=${language}">${title}</a></li>`)}
      </ul>`,
  );
}

export function clientPage(offer: Offer, client: Client, language: Language): string {
  const text = texts[language];
  const [first] = offer.submission;
  const [announced = first] = withLogin(offer.submission, announceable);
  const authentication = announced === undefined ? text.logins.password : loginIn(text.logins, announced);
  const configuration =
    client === "msmtp" && first !== undefined ? html`<pre>${msmtpConfiguration(offer.domain, first)}</pre>` : "";
  return page(
    language,
    text.setUpClient.replace("{client}", clientNames[client]),
    html`${otherLanguage(language, `/setup/${client}`)} ${table(offer, language)}
      <ol>
        ${text.steps[client].map((step) => html`<li>${step.replace("{authentication}", authentication)}</li>`)}
      </ol>
      ${configuration}`,
  );
}

export function firewallPage(offer: Offer, language: Language): string {
  const text = texts[language];
  const services = [...offer.submission, ...offer.imap, ...offer.pop3];
  return page(
    language,
    text.firewall,
    html`${otherLanguage(language, "/firewall")}
      <p>${text.firewallText[0]!}</p>
      <table>
        <tr>
          <th colspan="2">${text.firewallOpen}</th>
        </tr>
        ${services.map(
          ({ host, port }) =>
            html`<tr>
              <td>${host}</td>
              <td>${port}</td>
            </tr>`,
        )}
        <tr>
          <th colspan="2">${text.firewallKeep}</th>
        </tr>
        <tr>
          <td>*</td>
          <td>25</td>
        </tr>
      </table>
      <p>${text.firewallText[1]!}</p>`,
  );
}

export function portsPage(test: PortTest, language: Language): string {
  const text = texts[language];
  const outside = test.outside.length === 0 ? "" : html`<li>${text.portsOutside}</li>`;
  return page(
    language,
    text.ports,
    html`${otherLanguage(language, "/ports")}
      <p>${text.portsText[0]!}</p>
      <h2>${text.portsUnix}</h2>
      <p><a href="/ports.sh" download>ports.sh</a></p>
      <pre>${shellTest(test)}</pre>
      <h2>${text.portsWindows}</h2>
      <p><a href="/ports.ps1" download>ports.ps1</a></p>
      <pre>${powershellTest(test)}</pre>
      <h2>${text.portsMeaning}</h2>
      <ul>
        <li>${text.portsOpen}</li>
        <li>${text.portsSubmission} (<a href="/firewall?lang=${language}">${text.firewall}</a>)</li>
        ${outside}
      </ul>`,
  );
}

/** All ports of a site that a user has to reach. */
export function portTestOf(offer: Offer, host: string, outside: readonly string[]): PortTest {
  const own = [...offer.submission, ...offer.imap, ...offer.pop3].filter((service) => service.host === host);
  return { host, ports: [...new Set(own.map(({ port }) => port))], outside };
}

/** msmtp(1), for programs that call sendmail. */
function msmtpConfiguration(domain: string, { host, port, tls }: Service): string {
  return [
    "defaults",
    "auth on",
    "tls on",
    `tls_starttls ${tls === "starttls" ? "on" : "off"}`,
    "",
    "account default",
    `host ${host}`,
    `port ${port}`,
    `from you@${domain}`,
    `user you@${domain}`,
    'passwordeval "secret-tool lookup service msmtp"',
  ].join("\n");
}

function table(offer: Offer, language: Language): Html {
  const text = texts[language];
  const incoming = incomingOf(offer);
  const rows: HtmlPart[] = [];
  const row = (purpose: string, service: Service): void => {
    const { host, port, tls } = service;
    rows.push(
      html`<tr>
        <td>${purpose}</td>
        <td>${host}</td>
        <td>${port}</td>
        <td>${text[tls]}</td>
        <td>${loginIn(text.logins, service)}</td>
      </tr>`,
    );
  };
  if (incoming !== undefined) {
    row(text.reading.replace("{protocol}", incoming.protocol === "imap" ? "IMAP" : "POP3"), incoming.service);
  }
  for (const service of offer.submission) row(text.sending, service);
  if (rows.length === 0) return html`<p>${text.nothing}</p>`;
  const isNamed = offer.submission.length === 0 || withLogin(offer.submission, announceable).length > 0;
  return html`<table>
      <tr>
        <th>${text.purpose}</th>
        <th>${text.server}</th>
        <th>${text.port}</th>
        <th>${text.security}</th>
        <th>${text.authentication}</th>
      </tr>
      ${rows}
      <tr>
        <td>${text.user}</td>
        <td colspan="4">${text.userIs}</td>
      </tr>
      <tr>
        <td>${text.password}</td>
        <td colspan="4">${text.passwordIs}</td>
      </tr>
    </table>
    ${isNamed ? "" : html`<p>${text.onlyScram}</p>`}`;
}

/** The one that most programs have. */
function loginIn(names: Readonly<Record<LoginKind, string>>, { logins }: Service): string {
  const [first] = logins;
  return first === undefined ? "" : names[first];
}

function otherLanguage(language: Language, path: string): Html {
  const other = language === "en" ? "ja" : "en";
  return html`<nav><a href="${path}?lang=${other}" lang="${other}">${texts[language].other}</a></nav>`;
}
