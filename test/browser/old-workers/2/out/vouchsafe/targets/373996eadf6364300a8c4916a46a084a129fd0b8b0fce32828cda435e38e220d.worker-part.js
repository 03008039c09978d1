self.part = 'imported script';
