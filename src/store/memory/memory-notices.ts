// Notices to customers in a list: the same answers as sqlite/notice-table.ts.

import type { AbuseNotice, NoticeStore } from "../store.ts";

interface Kept {
  readonly id: number;
  readonly notice: AbuseNotice;
  told: number | undefined;
}

/** `forget`: the account is deleted. */
export function createMemoryNotices(): {
  readonly store: NoticeStore;
  readonly add: (notice: AbuseNotice) => void;
  readonly forget: (account: string) => void;
} {
  let last = 0;
  let kept: readonly Kept[] = [];
  const find = (id: number): Kept | undefined => kept.find((each) => each.id === id);

  return {
    add: (notice) => void (kept = [...kept, { id: ++last, notice, told: undefined }]),
    forget: (account) => void (kept = kept.filter(({ notice }) => notice.account !== account)),
    store: {
      pendingNotices: (limit) =>
        kept
          .filter(({ told }) => told === undefined)
          .slice(0, limit)
          .map(({ id, notice }) => ({ id, ...notice })),
      noteTold: (id, at) => {
        const found = find(id);
        if (found === undefined || found.told !== undefined) return false;
        found.told = at;
        return true;
      },
      noteUntold: (id) => {
        const found = find(id);
        if (found !== undefined) found.told = undefined;
      },
      dropNotice: (id) => void (kept = kept.filter((each) => each.id !== id)),
      toldSince: (account, to, time) =>
        kept.filter(
          ({ notice, told }) => notice.account === account && notice.to === to && told !== undefined && told > time,
        ).length,
      purgeNotices: (before) => void (kept = kept.filter(({ notice }) => notice.at > before)),
      noticeSpan: (before) => ({
        items: kept.length,
        oldest: kept.length === 0 ? undefined : Math.min(...kept.map(({ notice }) => notice.at)),
        expired: kept.filter(({ notice }) => notice.at <= before).length,
      }),
    },
  };
}
