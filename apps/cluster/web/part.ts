/** An element that must be there. */
export const part = <E extends HTMLElement = HTMLElement>(root: ParentNode, selector: string): E => {
  const found = root.querySelector<E>(selector);
  if (found === null) throw new Error(`No ${selector}`);
  return found;
};

/** A copy of the first element of a template. */
export const fromTemplate = (id: string): HTMLElement => {
  const template = part<HTMLElement>(document, `#${id}`) as HTMLTemplateElement;
  return part(template.content.cloneNode(true) as DocumentFragment, '*');
};
