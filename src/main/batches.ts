// Things on their way from a thread to main that are in no hurry: sent together, at most BATCH_TIME later.

const BATCH_TIME = 200;
const MOST = 1000;

export interface Batches<T> {
  add(item: T): void;
  flush(): void;
}

export function createBatches<T>(send: (items: readonly T[]) => void): Batches<T> {
  let items: T[] = [];
  let timer: NodeJS.Timeout | undefined;
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (items.length === 0) return;
    const batch = items;
    items = [];
    send(batch);
  }
  return {
    add: (item) => {
      items.push(item);
      if (items.length >= MOST) flush();
      else timer ??= setTimeout(flush, BATCH_TIME);
    },
    flush,
  };
}
