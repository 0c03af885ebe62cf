// Events → Prometheus counters, one metric per event: message.accepted is sekimori_message_accepted_total. Gauges are
// read when somebody asks. Every thread has its own registry; main adds them up.

import { AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import { eventNames, events } from "./events.ts";
import type { EventName, Observer } from "./events.ts";

export interface Metrics extends Observer {
  gauge(name: string, help: string, read: () => number): void;
  /** For `mergeMetrics`; structured-cloneable. */
  collect(): Promise<object>;
}

export function metricName(event: EventName): string {
  return `sekimori_${event.replaceAll(/[.-]/g, "_")}_total`;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const counters = new Map<
    string,
    { readonly label: string | undefined; readonly children: Map<string, { inc(): void }>; readonly counter: Counter }
  >();
  for (const name of eventNames) {
    const { meaning, label } = events[name];
    const counter = new Counter({
      name: metricName(name),
      help: meaning,
      labelNames: label === undefined ? [] : [label],
      registers: [registry],
    });
    counters.set(name, { label, children: new Map(), counter });
  }
  return {
    emit: (name, fields) => {
      const { label, children, counter } = counters.get(name)!;
      const value = label === undefined ? "" : labelValue(fields, label);
      let child = children.get(value);
      if (child === undefined) {
        child = label === undefined ? counter.labels({}) : counter.labels({ [label]: value });
        children.set(value, child);
      }
      child.inc();
    },
    gauge: (name, help, read) => {
      const gauge: Gauge = new Gauge({ name, help, registers: [], collect: () => gauge.set(read()) });
      registry.registerMetric(gauge);
    },
    collect: () => registry.getMetricsAsJSON(),
  };
}

function labelValue(fields: object, label: string): string {
  const value: unknown = Reflect.get(fields, label);
  return typeof value === "string" ? value : "";
}

/** The text of /metrics from the collections of all threads (Prometheus text format 0.0.4). */
export async function mergeMetrics(collections: readonly object[]): Promise<string> {
  return AggregatorRegistry.aggregate([...collections]).metrics();
}
