// Who was promised what, and what came of it. Clients write down each 250, mailboxes and the remote host each copy.
//
// A message is known by its token, which is its Subject; the token tells the length of the body, and both together give every octet of
// it, so nothing has to be remembered to see whether a copy is whole. Copies are told apart by recipient and by our queue id, which
// stands in our Received field: a client that was cut off and sends again sends another message.
//
// Lives are numbered: one from each start of the server to its end. A second copy is put to the account of the life in which the first one
// came, for that life's end is what made the server forget.

export interface Ledger {
  tried(token: string, recipients: readonly string[]): void;
  /** The client has read 250. */
  answered(token: string, id: string): void;
  /** The client has read another reply. 4yz is honest, 5yz is not: nothing is wrong with the mail. */
  refused(token: string, reply: string): void;
  arrived(recipient: string, content: Buffer, place: "mailbox" | "remote"): void;
  /** The server has ended; so many connections to the remote host were open. */
  endLife(outbound: number): void;
  counts(): { readonly answered: number; readonly refused: number };
  judge(): Judgement;
}

interface Judgement {
  readonly tried: number;
  readonly answered: number;
  readonly refused: number;
  /** Copies that came. */
  readonly copies: number;
  /** Delivery status notifications that came. */
  readonly reports: number;
  /** Answered 250 and nowhere, by recipient. */
  readonly lost: readonly string[];
  /** Not as it was sent, never sent, an id given twice, refused with 5yz. */
  readonly wrong: readonly string[];
  /** Copies beyond the first of a queue id and recipient, by place. */
  readonly seconds: { readonly mailbox: number; readonly remote: number };
  /** Second copies at the remote host within one life: no crash explains them. */
  readonly uncaused: number;
  /** Lives after which more messages came to the remote host a second time than connections were open at their end. */
  readonly excess: readonly string[];
  /** The most that came a second time after one life, and the connections at its end. */
  readonly worst: { readonly messages: number; readonly connections: number };
}

const lineLength = 78;

export function makeToken(name: string, number: number, length: number): string {
  return `${name}.${number}.${length}`;
}

/** Of about the length in the token, in whole lines with CRLF, some beginning with a dot. */
export function bodyOf(token: string): Buffer {
  const length = Number(token.slice(token.lastIndexOf(".") + 1));
  const dotted = `.${token} `.padEnd(lineLength - 2, "0123456789");
  const plain = `${token} `.padEnd(lineLength - 2, "関守もみちはよも明かせ").slice(0, lineLength - 2);
  const pair = Buffer.from(`${plain}\r\n${plain}\r\n${plain}\r\n${dotted}\r\n`);
  const times = Math.max(1, Math.floor(length / pair.length));
  return Buffer.concat([...Array.from({ length: times }, () => pair), Buffer.from(`end of ${token}\r\n`)]);
}

interface Copies {
  count: number;
  /** Lives in which they came. */
  lastLife: number;
}

export function createLedger(): Ledger {
  const tried = new Map<string, { readonly recipients: readonly string[]; id: string | undefined }>();
  const ids = new Map<string, string>();
  const wrong = new Set<string>();
  /** "token recipient" */
  const reached = new Set<string>();
  /** "id recipient" */
  const copies = new Map<string, Copies>();
  const seconds = { mailbox: 0, remote: 0 };
  /** Queue ids: one transaction can carry several recipients of a message, and they come again together. */
  const secondsOfLife = new Map<number, Set<string>>();
  const connections: number[] = [];
  let answered = 0;
  let refused = 0;
  let count = 0;
  let life = 0;
  let uncaused = 0;
  let reports = 0;

  return {
    tried: (token, recipients) => void tried.set(token, { recipients, id: undefined }),
    answered: (token, id) => {
      answered++;
      const other = ids.get(id);
      if (other !== undefined) wrong.add(`id ${id} was given to ${other} and to ${token}`);
      ids.set(id, token);
      const entry = tried.get(token);
      if (entry !== undefined) entry.id = id;
    },
    refused: (token, reply) => {
      refused++;
      if (!reply.startsWith("4")) wrong.add(`${token} was refused: ${reply}`);
    },
    arrived: (recipient, content, place) => {
      const end = content.indexOf("\r\n\r\n") + 4;
      const section = content.toString("latin1", 0, end);
      // What the server itself writes to a sender: mail is late, or failed. If it failed, a copy is missing, which is told.
      if (place === "mailbox" && /^Content-Type: multipart\/report;/im.test(section)) return void reports++;
      // Or that a limit is used up.
      if (place === "mailbox" && /^Auto-Submitted: auto-generated\r$/im.test(section)) return;
      count++;
      const token = /^Subject: (\S+)\r$/m.exec(section)?.[1] ?? "";
      const id = /\bid ([0-9a-z]{16})\b/.exec(section)?.[1] ?? "";
      if (!tried.has(token)) return void wrong.add(`a message of unknown token ${JSON.stringify(token)} came`);
      if (!content.subarray(end).equals(bodyOf(token))) wrong.add(`${token} for ${recipient} is not whole (${place})`);
      reached.add(`${token} ${recipient}`);
      const key = `${id} ${recipient}`;
      const known = copies.get(key);
      if (known === undefined) return void copies.set(key, { count: 1, lastLife: life });
      seconds[place]++;
      if (place === "remote" && known.lastLife === life) uncaused++;
      else if (place === "remote") {
        const again = secondsOfLife.get(known.lastLife);
        if (again === undefined) secondsOfLife.set(known.lastLife, new Set([id]));
        else again.add(id);
      }
      known.count++;
      known.lastLife = life;
    },
    endLife: (outbound) => {
      connections[life] = outbound;
      life++;
    },
    counts: () => ({ answered, refused }),
    judge: () => {
      const lost: string[] = [];
      for (const [token, { recipients, id }] of tried) {
        if (id === undefined) continue;
        for (const recipient of recipients) {
          if (!reached.has(`${token} ${recipient}`)) lost.push(`${id} ${token} for ${recipient}`);
        }
      }
      const excess: string[] = [];
      let worst = { messages: 0, connections: 0 };
      for (const [number, { size: messages }] of secondsOfLife) {
        const most = connections[number] ?? 0;
        if (messages > worst.messages) worst = { messages, connections: most };
        if (messages > most) {
          excess.push(`kill ${number + 1}: ${messages} messages came a second time, ${most} connections were open`);
        }
      }
      return {
        tried: tried.size,
        answered,
        refused,
        copies: count,
        reports,
        lost,
        wrong: [...wrong],
        seconds,
        uncaused,
        excess,
        worst,
      };
    },
  };
}

/** The sentences of a judgement that must not be. */
export function failuresOf({ lost, wrong }: Judgement): readonly string[] {
  const some = lost.slice(0, 20).map((each) => `answered 250 and missing: ${each}`);
  if (lost.length > some.length) some.push(`… ${lost.length} in all answered 250 and missing`);
  return [...some, ...wrong.slice(0, 20)];
}

export function figuresOf({ tried, answered, refused, copies, reports, lost, seconds }: Judgement): string {
  return (
    `${tried} messages tried, ${answered} answered 250, ${refused} refused for now, ${copies} copies came, ` +
    `${lost.length} missing, second copies: ${seconds.remote} remote, ${seconds.mailbox} in mailboxes` +
    (reports === 0 ? "" : `, ${reports} reports to senders`)
  );
}
