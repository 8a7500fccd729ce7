/** Client languages with their byte in the binary header (LanguageCode.java); the JSON header has the name. */
export const languageCodes = {
  JAVA: 0,
  CPP: 1,
  DOTNET: 2,
  PYTHON: 3,
  DELPHI: 4,
  ERLANG: 5,
  RUBY: 6,
  OTHER: 7,
  HTTP: 8,
  GO: 9,
  PHP: 10,
  OMS: 11,
  RUST: 12,
  NODE_JS: 13,
} as const

export type Language = keyof typeof languageCodes

const BY_CODE = Object.keys(languageCodes) as readonly Language[]

/** A language from its byte; OTHER when nobody has it. */
export function languageOfCode(code: number): Language {
  return BY_CODE[code] ?? 'OTHER'
}

const BY_NAME: ReadonlyMap<string, Language> = new Map(BY_CODE.map(language => [language, language]))

/** A language from its name; OTHER when nobody has it. */
export function languageOfName(name: string): Language {
  return BY_NAME.get(name) ?? 'OTHER'
}
