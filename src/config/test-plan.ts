// For tests: limits of an account that limit nothing, and count nothing.

import type { PlanSettings } from "./settings.ts";

export const unlimitedPlan: PlanSettings = {
  recipients: [],
  attempts: [],
  messages: [],
  newRecipients: [],
  bytes: [],
  recipientsPerMessage: 1000,
  over: "defer",
  foreignSender: "refuse",
  contentChecks: false,
  identityHeader: "none",
  ramp: { length: 0, share: 100 },
};
