/** Controls, which steer a terminal, and formats, which turn its text around. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** The same but for line ends, which separate JSON's own lines. JSON text has no other raw control below U+0020. */
const INVISIBLE_IN_JSON = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * Text of others as one line of a terminal shows it: whatever would act upon the terminal, or begin another line, is spelled
 * out. Everything that this program prints or logs for people goes through here.
 */
export function visible(text: string): string {
  return text.replace(INVISIBLE, character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/** The same of JSON text, in JSON's own escapes: programs read what they did before. */
export function visibleJson(json: string): string {
  return json.replace(INVISIBLE_IN_JSON, character =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map(unit => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
