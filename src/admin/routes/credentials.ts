// Password hashes, for `account export`: on the control socket only, and in no document. There is no such path over the network.

import type { Api } from "../route.ts";

export function addCredentialRoute(api: Api, base: string): void {
  api.get(`${base}/credentials`, async (context) => {
    const { after } = context.req.query();
    return context.json(await context.get("control").exportCredentials({ after }), 200);
  });
}
