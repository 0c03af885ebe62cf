// Which country an address is in, by a database in MaxMind's format (MaxMind DB 2.0; GeoLite2 Country, DB-IP Lite). The whole file is in
// memory; a lookup walks at most 128 bits.

import { readFile } from "node:fs/promises";
import { Reader } from "mmdb-lib";
import type { CountryResponse } from "mmdb-lib";

export interface Countries {
  /** ISO 3166-1, two letters; undefined: the database does not say. */
  of(address: string): string | undefined;
}

/** Rejects, with the name of the file, when it cannot be read or is no such database. */
export async function openCountries(file: string): Promise<Countries> {
  const octets = await readFile(file);
  let reader: Reader<CountryResponse>;
  try {
    reader = new Reader<CountryResponse>(octets);
    reader.get("192.0.2.1");
  } catch (cause) {
    throw new Error(`${file} is no database in MaxMind's format`, { cause });
  }
  return {
    of: (address) => {
      try {
        const found = reader.get(address);
        return found?.country?.iso_code ?? found?.registered_country?.iso_code;
      } catch {
        // A record that is damaged, or an IPv6 address and a database of IPv4.
        return undefined;
      }
    },
  };
}
