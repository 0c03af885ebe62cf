// Exit codes (law 14): 0 yes · 1 the answer is no · 2 usage, configuration or policy wrong · 3 not possible here. `doctor` alone grades: 1
// is a warning and 2 a failure (doctor.ts).

export class Exit extends Error {
  readonly code: 1 | 2 | 3;

  constructor(code: 1 | 2 | 3, message: string) {
    super(message);
    this.code = code;
  }
}
