import type { PassphraseSources } from '../io/index.ts'

export const PASSPHRASE =
  'a file with the keystore’s passphrase; else systemd’s credential `passphrase`, OSTRAKA_PASSPHRASE or a prompt'

/** Where a command looks for a passphrase: the file, the environment, the terminal. */
export function passphraseSources(file: string | undefined, question: string): PassphraseSources {
  return {
    file,
    env: process.env,
    prompt: { question, terminal: { input: process.stdin, output: process.stderr } },
  }
}
