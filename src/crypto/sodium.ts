import sodium from 'libsodium-wrappers-sumo'

/**
 * Resolves when libsodium's WebAssembly has loaded; whoever starts a process or a test awaits it once.
 * Everything else in `crypto/` is synchronous and must not run before.
 */
export const cryptoReady: Promise<void> = sodium.ready

export { sodium }
