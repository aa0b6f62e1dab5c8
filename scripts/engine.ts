/** A browser that Playwright cannot drive, with as much as the tests need of it; `firefox.mjs` and `webkit.mjs` start one. */
export interface Engine {
  readonly name: string;
  /** The tab that is there from the beginning. */
  readonly tab: EngineTab;
  newTab(): Promise<EngineTab>;
  /** The errors and warnings in the consoles of all tabs. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

export interface EngineTab {
  /** Resolves when the page is loaded. */
  goto(url: string): Promise<unknown>;
  back(): Promise<unknown>;
  /** The value of an expression, or of the promise that it is, as JSON carries it. */
  // biome-ignore lint/suspicious/noExplicitAny: the page's code says what it is.
  evaluate(expression: string): Promise<any>;
  /** Real keys, each down and up. Those without a letter are at https://www.w3.org/TR/webdriver2/#keyboard-actions. */
  press(...keys: string[]): Promise<unknown>;
  /** A picture as PNG. */
  screenshot(): Promise<Buffer>;
  resize(width: number, height: number): Promise<unknown>;
  close(): Promise<unknown>;
}
